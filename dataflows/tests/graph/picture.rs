//! Reads a picture of a graph: words with arrows between them.
//!
//! A word that stands alone is an operator. What stands on a line, as in `--broadcast--` or
//! `-- tickets of the fast lane <--`, only explains it. `fast` and `slow` name a stream: what
//! follows in their row are the instances of that lane.

use std::collections::BTreeSet;

const LANES: [&str; 2] = ["fast", "slow"];

/// From one operator to another, by their names.
pub(crate) type Edges = BTreeSet<(String, String)>;

struct Word {
    name: String,
    row: usize,
    columns: std::ops::Range<usize>,
}

/// A line that joins words: those it leaves, and those it points to.
#[derive(Debug, Default)]
struct Line {
    from: BTreeSet<usize>,
    to: BTreeSet<usize>,
}

/// The first picture of a text, without what leads to it: the lines from the first that holds a
/// line of the picture to the next that is empty or ends the block.
pub(crate) fn first_of(text: &str) -> Vec<String> {
    let block = text.split("```text").nth(1).expect("a picture").split("```").next();
    let lines = block.unwrap_or_default().lines().skip(1);
    let lines = lines.map(|line| line.strip_prefix("//!").unwrap_or(line).to_owned());
    lines.take_while(|line| !line.trim().is_empty()).collect()
}

/// An error tells of a line that joins nothing.
pub(crate) fn edges(picture: &[String]) -> Result<Edges, String> {
    let mut grid: Vec<Vec<char>> = picture.iter().map(|line| line.chars().collect()).collect();
    let words = words(&mut grid);
    let mut seen = BTreeSet::new();
    let mut lines = Vec::new();
    for (row, cells) in grid.iter().enumerate() {
        for column in 0..cells.len() {
            if is_line(at(&grid, row, column)) && !seen.contains(&(row, column)) {
                lines.push(follow(&grid, &words, (row, column), &mut seen));
            }
        }
    }
    let mut edges = Edges::new();
    for line in &lines {
        if line.from.is_empty() || line.to.is_empty() {
            return Err(format!("a line leads nowhere: {line:?}"));
        }
        for (from, to) in line.from.iter().flat_map(|from| line.to.iter().map(move |to| (from, to)))
        {
            // What goes into the name of a stream comes out of it.
            let is_lane = |word: &usize| LANES.contains(&words[*word].name.as_str());
            let onward = lines.iter().filter(|onward| is_lane(to) && onward.from.contains(to));
            let onward: Vec<usize> = onward.flat_map(|onward| onward.to.clone()).collect();
            let reached = if is_lane(to) { onward } else { vec![*to] };
            if !is_lane(from) {
                let named = |word: usize| instance(&words, word);
                edges.extend(reached.into_iter().map(|to| (named(*from), named(to))));
            }
        }
    }
    Ok(edges)
}

/// `load` in the row of the fast lane is `load(fast)`.
fn instance(words: &[Word], word: usize) -> String {
    let Word { name, row, columns } = &words[word];
    let is_before = |lane: &&Word| {
        LANES.contains(&lane.name.as_str()) && lane.row == *row && lane.columns.end < columns.start
    };
    match words.iter().find(is_before) {
        Some(lane) => format!("{name}({})", lane.name),
        None => name.clone(),
    }
}

/// Takes the texts out of the grid: a note goes, one that stands on a line becomes a part of it.
fn words(grid: &mut [Vec<char>]) -> Vec<Word> {
    let mut words = Vec::new();
    for (row, cells) in grid.iter_mut().enumerate() {
        let mut start = 0;
        while start < cells.len() {
            let Some(columns) = text_from(cells, start) else {
                start += 1;
                continue;
            };
            start = columns.end;
            let name: String = cells[columns.clone()].iter().collect();
            if name.chars().all(|c| c.is_ascii_lowercase() || c == '_')
                && !is_glued(cells, &columns)
            {
                cells[columns.clone()].fill(' ');
                words.push(Word { name, row, columns });
            } else {
                let left = columns.start.saturating_sub(2)..columns.start;
                let right = columns.end..(columns.end + 2).min(cells.len());
                let has_line =
                    |near: std::ops::Range<usize>| cells[near].iter().any(|c| "-<>".contains(*c));
                let is_on_line = has_line(left) && has_line(right);
                let (from, to) = if is_on_line && cells[columns.start - 1] == ' ' {
                    (columns.start - 1, columns.end + 1)
                } else {
                    (columns.start, columns.end)
                };
                cells[from..to].fill(if is_on_line { '-' } else { ' ' });
            }
        }
    }
    words
}

/// Words with one space between them, from here on; an arrow's head is none.
fn text_from(cells: &[char], start: usize) -> Option<std::ops::Range<usize>> {
    let is_text = |c: char| c.is_alphanumeric() || "_(),.".contains(c);
    let get = |column: usize| cells.get(column).copied().unwrap_or(' ');
    let is_head = get(start) == 'v' && !is_text(get(start + 1));
    if !is_text(get(start)) || is_head {
        return None;
    }
    let mut end = start + 1;
    while is_text(get(end)) || (get(end) == ' ' && is_text(get(end + 1))) {
        end += 1;
    }
    Some(start..end)
}

fn is_glued(cells: &[char], columns: &std::ops::Range<usize>) -> bool {
    let is_dash = |column: Option<usize>| column.and_then(|c| cells.get(c)) == Some(&'-');
    is_dash(columns.start.checked_sub(1)) || is_dash(Some(columns.end))
}

fn at(grid: &[Vec<char>], row: usize, column: usize) -> char {
    grid.get(row).and_then(|cells| cells.get(column)).copied().unwrap_or(' ')
}

fn is_line(c: char) -> bool {
    "-|+<>^v".contains(c)
}

/// All cells that hang together, and the words at their ends: next to them, or one space away.
fn follow(
    grid: &[Vec<char>],
    words: &[Word],
    start: (usize, usize),
    seen: &mut BTreeSet<(usize, usize)>,
) -> Line {
    let word_at = |row: usize, column: usize| {
        words.iter().position(|word| word.row == row && word.columns.contains(&column))
    };
    let mut line = Line::default();
    let mut ahead = vec![start];
    while let Some((row, column)) = ahead.pop() {
        if !is_line(at(grid, row, column)) || !seen.insert((row, column)) {
            continue;
        }
        let cell = at(grid, row, column);
        if "-+<>".contains(cell) {
            for (step, head) in [(-1, '<'), (1, '>')] {
                let next = |by: isize| column.checked_add_signed(step * by);
                let Some(near) = next(1) else { continue };
                if "-+<>".contains(at(grid, row, near)) {
                    ahead.push((row, near));
                } else if let Some(word) =
                    word_at(row, near).or_else(|| next(2).and_then(|far| word_at(row, far)))
                {
                    if cell == head {
                        line.to.insert(word)
                    } else {
                        line.from.insert(word)
                    };
                }
            }
        }
        if "|+^v".contains(cell) {
            for (step, head) in [(-1, '^'), (1, 'v')] {
                let Some(near) = row.checked_add_signed(step) else { continue };
                if "|+^v".contains(at(grid, near, column)) {
                    ahead.push((near, column));
                } else if let Some(word) = word_at(near, column) {
                    if cell == head {
                        line.to.insert(word)
                    } else {
                        line.from.insert(word)
                    };
                }
            }
        }
    }
    line
}
