//! Classes of objects, and what each is promised.

use std::time::Duration;

/// What an object is, and so how long it is likely to be wanted.
///
/// Objects of one class share regions. What the classes are promised is in [`Classes`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// A Media Segment of the live window of a channel of high priority.
    LiveHigh,
    /// The same, of medium priority.
    Live,
    /// The same, of low priority.
    LiveLow,
    /// What many are expected to ask for.
    High,
    /// What some are expected to ask for.
    Medium,
    /// What may never be asked for again.
    Low,
}

/// How many classes there are.
pub(crate) const CLASSES: usize = 6;
/// How many of them have rules of their own: the live ones share theirs.
pub(crate) const GROUPS: usize = 4;

impl Class {
    /// All classes, lowest first.
    pub const ALL: [Self; CLASSES] = [
        Self::Low,
        Self::Medium,
        Self::High,
        Self::LiveLow,
        Self::Live,
        Self::LiveHigh,
    ];

    /// Whether it is a segment of a live window, which is never refused and never copied for
    /// anything but a pin.
    pub const fn is_live(self) -> bool {
        match self {
            Self::LiveHigh | Self::Live | Self::LiveLow => true,
            Self::High | Self::Medium | Self::Low => false,
        }
    }

    /// Its place in [`Self::ALL`].
    pub(crate) const fn index(self) -> usize {
        match self {
            Self::Low => 0,
            Self::Medium => 1,
            Self::High => 2,
            Self::LiveLow => 3,
            Self::Live => 4,
            Self::LiveHigh => 5,
        }
    }

    /// What stands for it on disk: its place in [`Self::ALL`].
    pub(crate) const fn code(self) -> u8 {
        self.index().to_le_bytes()[0]
    }

    /// The class that a code on disk stands for.
    pub(crate) fn of_code(code: u8) -> Option<Self> {
        Self::ALL.get(usize::from(code)).copied()
    }

    /// Which rules it has: the place of its table among low, medium, high and live.
    pub(crate) const fn group(self) -> usize {
        match self {
            Self::Low => 0,
            Self::Medium => 1,
            Self::High => 2,
            Self::LiveHigh | Self::Live | Self::LiveLow => 3,
        }
    }
}

/// Which pull-through objects are put on disk once it is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Admission {
    /// All.
    #[default]
    Always,
    /// Those that were asked for again while they were written, or were evicted or refused not
    /// long ago.
    SecondRequest,
}

/// What the objects of one class are promised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClassRules {
    /// How many times longer an unused object is kept than one of weight 1; from 1 to
    /// [`ClassRules::WEIGHT_MAX`].
    pub weight: u8,
    /// While the class holds no more than this it gives nothing up, as long as another class can.
    pub reserved_bytes: u64,
    /// Older objects are not found any more; `None`: they are kept as long as there is room.
    pub ttl: Option<Duration>,
    /// Which of its objects get onto a full disk. Live segments always do.
    pub admission: Admission,
}

impl ClassRules {
    /// The largest weight: what is older than sixteen times the content of the store is not told
    /// apart any more.
    pub const WEIGHT_MAX: u8 = 16;

    const fn of_weight(weight: u8) -> Self {
        Self {
            weight,
            reserved_bytes: 0,
            ttl: None,
            admission: Admission::Always,
        }
    }
}

/// The rules of all classes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Classes {
    /// Of live segments of any priority. Their weight is multiplied by that of the class of the
    /// same priority, so that channels of a high priority outlive those of a low one.
    pub live: ClassRules,
    /// Of [`Class::High`].
    pub high: ClassRules,
    /// Of [`Class::Medium`].
    pub medium: ClassRules,
    /// Of [`Class::Low`].
    pub low: ClassRules,
}

impl Default for Classes {
    /// Weights 1 for low and live, 2 for medium and 4 for high; no other rules.
    fn default() -> Self {
        Self {
            live: ClassRules::of_weight(1),
            high: ClassRules::of_weight(4),
            medium: ClassRules::of_weight(2),
            low: ClassRules::of_weight(1),
        }
    }
}

impl Classes {
    /// The rules of one class.
    pub const fn rules(&self, class: Class) -> &ClassRules {
        match class {
            Class::LiveHigh | Class::Live | Class::LiveLow => &self.live,
            Class::High => &self.high,
            Class::Medium => &self.medium,
            Class::Low => &self.low,
        }
    }

    /// The weight of one class: at least 1.
    pub(crate) fn weight(&self, class: Class) -> u32 {
        let live = u32::from(self.live.weight.max(1));
        let weight = |rules: &ClassRules| u32::from(rules.weight.max(1));
        match class {
            Class::LiveHigh => live * weight(&self.high),
            Class::Live => live * weight(&self.medium),
            Class::LiveLow => live * weight(&self.low),
            Class::High | Class::Medium | Class::Low => weight(self.rules(class)),
        }
    }

    /// The weights of [`Class::ALL`].
    pub(crate) fn weights(&self) -> [u32; CLASSES] {
        Class::ALL.map(|class| self.weight(class))
    }

    /// The reservations, by [`Class::group`].
    pub(crate) const fn reserved_bytes(&self) -> [u64; GROUPS] {
        [
            self.low.reserved_bytes,
            self.medium.reserved_bytes,
            self.high.reserved_bytes,
            self.live.reserved_bytes,
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn live_segments_weigh_as_the_priority_of_their_channel() {
        let mut classes = Classes::default();
        assert_eq!(classes.weights(), [1, 2, 4, 1, 2, 4]);
        classes.live.weight = 3;
        assert_eq!(classes.weights(), [1, 2, 4, 3, 6, 12]);
    }

    #[test]
    fn classes_are_numbered_in_order() {
        for (index, class) in Class::ALL.into_iter().enumerate() {
            assert_eq!(class.index(), index);
        }
    }
}
