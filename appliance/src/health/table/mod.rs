//! The one table of everything an operator can see: which groups of rows there are, of which
//! things, and their values in one [`Snapshot`](crate::health::Snapshot).
//!
//! A [`Scope`] is a kind of thing (the node, a channel, one of its renditions), an [`Entity`] one
//! such thing at one moment. JSON, its `OpenAPI` description and metrics are projections that know
//! neither by name. The list of groups is [`list`]; what a snapshot holds and the list does not
//! know, or the other way round, does not compile, because [`projection`] takes snapshots apart
//! without `..`.
//!
//! Refuses: to know any surface.

mod alarms;
mod list;
mod projection;
mod readings;
mod slots;
mod told;

pub(crate) use list::{ALARM_METRICS_MAX, Node};
pub(crate) use told::Told;

use crate::counter::{Reach, Row, Value};

/// A kind of thing.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Scope {
    /// Its name; in metrics the label that tells one from another.
    pub(crate) name: &'static str,
    /// The name of several.
    pub(crate) plural: &'static str,
    /// One sentence for a person.
    pub(crate) help: &'static str,
    /// Its rows; those of the first group are its own.
    pub(crate) groups: &'static [GroupScope],
    /// The kinds of its parts.
    pub(crate) parts: &'static [&'static Scope],
    /// How many of them are metrics at most: the first. All other surfaces tell of all.
    pub(crate) metrics_max: usize,
}

/// A group of rows that each thing of a kind has.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct GroupScope {
    /// Its name; none for what is the thing's own.
    pub(crate) name: Option<&'static str>,
    /// Its rows.
    pub(crate) rows: &'static [Row],
    /// Whether a thing may be without it.
    pub(crate) is_optional: bool,
    /// How far its rows reach at most, on things of this kind.
    pub(crate) reach: Reach,
}

impl GroupScope {
    /// Which surfaces show `row` of it.
    pub(crate) fn reach(&self, row: &Row) -> Reach {
        self.reach.max(row.reach)
    }
}

/// One thing at one moment.
#[derive(Debug, Clone)]
pub(crate) struct Entity {
    /// Its kind.
    pub(crate) scope: &'static Scope,
    /// What tells it from others of its kind.
    pub(crate) key: String,
    /// The values of each of [`Scope::groups`]; `None` for one that it is without.
    pub(crate) groups: Vec<Option<Vec<Value>>>,
    /// Its parts, for each of [`Scope::parts`].
    pub(crate) parts: Vec<Vec<Entity>>,
}

/// What stands in the list of groups.
pub(crate) trait Listed {
    /// Its kind.
    const SCOPE: &'static Scope;

    /// The same as values.
    fn entity(&self) -> Entity;
}

/// The same of several.
fn entities(things: &[impl Listed]) -> Vec<Entity> {
    things.iter().map(Listed::entity).collect()
}

/// Declares one kind of thing: its name and that of several, its own rows, its further groups, and
/// its parts. Of a group that is marked `=> detail` all rows are told in JSON alone; of things with
/// `metrics_max`, the first so many are metrics.
macro_rules! scope {
    (
        #[doc = $help:literal]
        $Thing:ident: $name:ident, $plural:ident {
            own: $Own:ty,
            groups { $( $group:ident: $Group:ty $(=> $reach:ident)?, )* }
            parts { $( $part:ident: $Part:ident, )* }
            $( metrics_max: $metrics_max:expr, )?
        }
    ) => {
        #[doc = $help]
        #[derive(Debug)]
        pub(crate) struct $Thing {
            pub(super) key: String,
            pub(super) own: $Own,
            $( pub(super) $group: $Group, )*
            $( pub(super) $part: Vec<$Part>, )*
        }

        impl $crate::health::table::Listed for $Thing {
            const SCOPE: &'static $crate::health::table::Scope = &$crate::health::table::Scope {
                name: stringify!($name),
                plural: stringify!($plural),
                help: $help.trim_ascii(),
                groups: &[
                    $crate::health::table::GroupScope {
                        name: None,
                        rows: <$Own as $crate::counter::Group>::ROWS,
                        is_optional: false,
                        reach: $crate::counter::Reach::Everywhere,
                    },
                    $( $crate::health::table::GroupScope {
                        name: Some(stringify!($group)),
                        rows: <$Group as $crate::counter::Group>::ROWS,
                        is_optional: <$Group as $crate::counter::Group>::IS_OPTIONAL,
                        reach: $crate::counter::reach!($($reach)?),
                    }, )*
                ],
                parts: &[ $( <$Part as $crate::health::table::Listed>::SCOPE, )* ],
                metrics_max: $crate::health::table::metrics_max!($($metrics_max)?),
            };

            fn entity(&self) -> $crate::health::table::Entity {
                use $crate::counter::Group;
                $crate::health::table::Entity {
                    scope: Self::SCOPE,
                    key: self.key.clone(),
                    groups: vec![ self.own.cells(), $( self.$group.cells(), )* ],
                    parts: vec![ $( $crate::health::table::entities(&self.$part), )* ],
                }
            }
        }
    };
}

/// All of them, unless there is a limit.
macro_rules! metrics_max {
    () => {
        usize::MAX
    };
    ($metrics_max:expr) => {
        $metrics_max
    };
}

use {metrics_max, scope};

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// The names that stand beside one another in a JSON object of `scope`.
    fn names(scope: &Scope) -> Vec<&str> {
        let own = scope.groups[0].rows.iter().map(|row| row.name);
        let groups = scope.groups.iter().filter_map(|group| group.name);
        let parts = scope.parts.iter().map(|part| part.plural);
        [scope.name]
            .into_iter()
            .chain(own)
            .chain(groups)
            .chain(parts)
            .collect()
    }

    fn check(scope: &Scope) {
        let all = names(scope);
        let distinct: BTreeSet<_> = all.iter().collect();
        assert_eq!(distinct.len(), all.len(), "{}: {all:?}", scope.name);
        for group in scope.groups {
            let rows: BTreeSet<_> = group.rows.iter().map(|row| row.name).collect();
            assert_eq!(rows.len(), group.rows.len(), "{:?}", group.name);
            for row in group.rows {
                assert!(row.help.ends_with('.'), "{} has no sentence", row.name);
            }
        }
        scope.parts.iter().copied().for_each(check);
    }

    #[test]
    fn no_two_things_beside_one_another_have_one_name_and_each_has_a_sentence() {
        check(Node::SCOPE);
    }
}
