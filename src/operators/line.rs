//! A line in which what somebody waits for goes before what is scheduled.

use std::collections::VecDeque;

use crate::model::{Origin, Ticket};

/// First in, first out, of both.
#[derive(Debug)]
pub(super) struct Line<T> {
    requested: VecDeque<T>,
    others: VecDeque<T>,
}

impl<T> Default for Line<T> {
    fn default() -> Line<T> {
        Line { requested: VecDeque::new(), others: VecDeque::new() }
    }
}

impl<T> Line<T> {
    pub(super) fn push(&mut self, ticket: &Ticket, item: T) {
        match ticket.origin {
            Origin::Request => self.requested.push_back(item),
            Origin::Agenda | Origin::Kafka { .. } => self.others.push_back(item),
        }
    }

    /// In order, whoever waits for it.
    pub(super) fn push_in_order(&mut self, item: T) {
        self.others.push_back(item);
    }

    pub(super) fn len(&self) -> usize {
        self.requested.len() + self.others.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.requested.is_empty() && self.others.is_empty()
    }

    /// How many of them somebody waits for.
    pub(super) fn requested(&self) -> usize {
        self.requested.len()
    }

    /// In the order in which they leave.
    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.requested.iter().chain(&self.others)
    }

    pub(super) fn front(&self) -> Option<&T> {
        self.requested.front().or_else(|| self.others.front())
    }

    pub(super) fn front_mut(&mut self) -> Option<&mut T> {
        self.requested.front_mut().or_else(|| self.others.front_mut())
    }

    pub(super) fn pop_front(&mut self) -> Option<T> {
        self.requested.pop_front().or_else(|| self.others.pop_front())
    }

    /// The next one of those that are scheduled, if there is one, else the next one.
    pub(super) fn pop_scheduled(&mut self) -> Option<T> {
        self.others.pop_front().or_else(|| self.requested.pop_front())
    }

    /// The next one, if it may leave.
    pub(super) fn pop_front_if(&mut self, may_leave: impl FnOnce(&T) -> bool) -> Option<T> {
        if may_leave(self.front()?) { self.pop_front() } else { None }
    }

    /// Takes so many away, at most.
    pub(super) fn drain(&mut self, count: usize) -> impl Iterator<Item = T> {
        let requested = count.min(self.requested.len());
        let others = (count - requested).min(self.others.len());
        self.requested.drain(..requested).chain(self.others.drain(..others))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Spent, UnixTime};

    #[test]
    fn what_is_asked_for_overtakes_the_others_and_nobody_else() {
        let since = UnixTime::from_micros(0);
        let spent = Spent::default();
        let ticket = |origin| Ticket {
            number: 0,
            owner: 0,
            weight: 1,
            emitted_at: since,
            since,
            spent,
            handed_over: None,
            origin,
        };
        let mut line = Line::default();
        for (origin, item) in
            [(Origin::Agenda, 3), (Origin::Request, 1), (Origin::Agenda, 4), (Origin::Request, 2)]
        {
            line.push(&ticket(origin), item);
        }
        assert_eq!(line.requested(), 2);
        assert_eq!(line.iter().copied().collect::<Vec<_>>(), [1, 2, 3, 4]);
        assert_eq!(line.pop_scheduled(), Some(3));
        assert_eq!(line.drain(2).collect::<Vec<_>>(), [1, 2]);
        assert_eq!((line.front(), line.len()), (Some(&4), 1));
        assert_eq!(line.pop_front(), Some(4));
        assert!(line.is_empty());
    }
}
