//! The demo on a terminal: what it takes, it gives back.

use std::process::{Command, Stdio};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Child;

use crate::demo::{demo, folder};
use crate::running::WAIT_MAX;

/// Where a program takes the other screen of the terminal, and gives it back.
const TAKEN: &str = "\u{1b}[?1049h";
const GIVEN_BACK: &str = "\u{1b}[?1049l";

/// Runs the command in a shell on a terminal of 24 lines of 80 columns, with a note before it of its
/// process and one after it whether the terminal is as it was.
fn on_a_terminal(command: &Command) -> tokio::process::Command {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let words: Vec<&str> = words.map(|word| word.to_str().expect("UTF-8")).collect();
    let command = words.join(" ");
    let shell = format!(
        "stty rows 24 cols 80; before=$(stty -g); sh -c 'echo process $$; exec {command}'; \
         code=$?; [ \"$before\" = \"$(stty -g)\" ] && echo as before; exit $code"
    );
    let mut script = tokio::process::Command::new("script");
    script.args(["-q", "-e", "-f", "-c", &shell, "/dev/null"]);
    script.env("TERM", "xterm").env_remove("NO_COLOR");
    script.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
    script
}

/// How somebody leaves.
enum Leave {
    Key(&'static [u8]),
    Signal(&'static str),
}

/// All that came to the terminal after the screen.
async fn after_leaving(mut child: Child, leave: Leave) -> String {
    let (mut keys, mut bytes) = (child.stdin.take().expect("a pipe"), Vec::new());
    let mut pipe = child.stdout.take().expect("a pipe");
    let mut has_left = false;
    let shown = tokio::time::timeout(WAIT_MAX, async {
        while pipe.read_buf(&mut bytes).await.expect("a pipe") != 0 {
            let text = String::from_utf8_lossy(&bytes);
            // Something was scanned.
            if has_left || !text.contains(TAKEN) || !text.contains("covered") {
                continue;
            }
            has_left = true;
            match leave {
                Leave::Key(key) => keys.write_all(key).await.expect("a terminal that reads"),
                Leave::Signal(name) => {
                    let (_, rest) = text.split_once("process ").expect("a note");
                    let pid = rest.lines().next().expect("a number").trim();
                    let status = Command::new("kill").args([name, pid]).status();
                    assert!(status.expect("kill").success(), "{pid} is gone already");
                }
            }
        }
    });
    let is_over = shown.await.is_ok();
    let text = String::from_utf8_lossy(&bytes).into_owned();
    assert!(is_over, "it goes on: {text}");
    let status = child.wait().await.expect("a status");
    assert!(status.success() && has_left, "{status}: {text}");
    let (_, after) = text.split_once(GIVEN_BACK).expect("the screen is given back");
    after.to_owned()
}

#[tokio::test]
#[expect(clippy::print_stderr, reason = "a skipped test says why")]
async fn whoever_leaves_gets_the_summary_and_the_terminal_as_it_was() {
    for leave in [Leave::Key(b"q"), Leave::Key(b"\x03"), Leave::Signal("-TERM")] {
        let folder = folder();
        let demo = demo(&folder, &["--zones", "30"]);
        let Ok(child) = on_a_terminal(&demo).current_dir(folder.path()).spawn() else {
            assert!(std::env::var_os("CI").is_none(), "the program script is missing");
            eprintln!("SKIPPED: the program script is missing");
            return;
        };
        let after = after_leaving(child, leave).await;
        assert!(after.contains(" 30 zones, ") && after.contains("What to type next:"), "{after}");
        assert!(after.contains("\nas before\r") && !after.contains(TAKEN), "{after}");
    }
}
