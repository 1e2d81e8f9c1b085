//! Counters of one thing, as the table of all counters has them: a group for each stage, whatever
//! rows it has.
//!
//! Refuses: to know any counter by name.

use maud::{Markup, html};

use crate::{
    counter::{Kind, Row, Unit, Value},
    health::table::Entity,
    page::{Language, format},
};

/// The groups of `thing` behind its own, each to be opened; counted from `then`, if there is one.
pub(super) fn stages(thing: &Entity, then: Option<&Entity>, language: &Language) -> Markup {
    let groups = thing.scope.groups.iter().zip(&thing.groups);
    let groups = groups.enumerate().skip(1);
    let title = if then.is_some() {
        language.since_mark
    } else {
        language.total
    };
    html! {
        @for (index, (group, cells)) in groups {
            @if let (Some(name), Some(cells)) = (group.name, cells) {
                @let then = then.and_then(|then| then.groups.get(index)?.as_deref());
                @let then = then.unwrap_or_default();
                details id={ (thing.key) "-" (name) } {
                    summary { (name) (told(group.rows, cells, then)) }
                    (table(group.rows, &[(title, cells, then)], language))
                }
            }
        }
    }
}

/// The own rows of several things of one kind side by side, each counted from the one of `then`
/// that has its key.
pub(super) fn side_by_side(things: &[Entity], then: &[Entity], language: &Language) -> Markup {
    let Some(first) = things.first() else {
        return html! {};
    };
    let columns = things.iter().map(|thing| {
        let then = then.iter().find(|it| it.key == thing.key);
        (thing.key.as_str(), own(thing), then.map_or(&[][..], own))
    });
    let columns: Vec<_> = columns.collect();
    table(first.scope.groups[0].rows, &columns, language)
}

fn own(thing: &Entity) -> &[Value] {
    thing
        .groups
        .first()
        .and_then(Option::as_deref)
        .unwrap_or_default()
}

/// A column: its title, its values, and what they were.
type Column<'a> = (&'a str, &'a [Value], &'a [Value]);

/// Rows that tell something, and how many others there are.
fn table(rows: &[Row], columns: &[Column<'_>], language: &Language) -> Markup {
    let values = |index: usize| {
        columns.iter().map(move |(_, cells, then)| {
            let cell = cells.get(index).unwrap_or(&Value::Unknown);
            since(&rows[index], cell, then.get(index))
        })
    };
    let is_told = |index: &usize| values(*index).any(|it| it != Value::Count(0));
    let numbers = (0..rows.len()).filter(|index| is_number(&rows[*index]));
    let told: Vec<usize> = numbers.clone().filter(is_told).collect();
    let silent: Vec<&str> = numbers
        .filter(|index| !is_told(index))
        .map(|index| rows[index].name)
        .collect();
    html! {
        @if !told.is_empty() {
            div class="wide" tabindex="0" role="group" aria-label=(language.counter) {
                table class="counters" {
                    thead { tr {
                        th scope="col" { (language.counter) }
                        @for (title, ..) in columns { th scope="col" { (title) } }
                    } }
                    tbody {
                        @for index in told {
                            tr {
                                th scope="row" {
                                    code { (rows[index].name) }
                                    small lang="en" { (rows[index].help) }
                                }
                                @for value in values(index) {
                                    td { (text(&rows[index], &value, language)) }
                                }
                            }
                        }
                    }
                }
            }
        }
        @if !silent.is_empty() {
            p class="note" {
                (Language::with(language.all_zero, &silent.len().to_string())) ": "
                (silent.join(", "))
            }
        }
    }
}

/// Words stand elsewhere on the page, in its language.
const fn is_number(row: &Row) -> bool {
    matches!(row.kind, Kind::Counter | Kind::Gauge)
}

/// What a counter has gained; any other value as it is.
fn since(row: &Row, value: &Value, then: Option<&Value>) -> Value {
    match (row.kind, value, then) {
        // One that begins anew is below what it was.
        (Kind::Counter, Value::Count(now), Some(Value::Count(then))) => {
            Value::Count(now.checked_sub(*then).unwrap_or(*now))
        }
        _ => value.clone(),
    }
}

/// How many rows of a group are not zero, behind its name.
fn told(rows: &[Row], cells: &[Value], then: &[Value]) -> Markup {
    let values = rows.iter().zip(cells).enumerate();
    let told =
        values.filter(|(index, (row, cell))| since(row, cell, then.get(*index)) != Value::Count(0));
    html! { " " small { (told.count()) " / " (rows.len()) } }
}

fn text(row: &Row, value: &Value, language: &Language) -> String {
    match value {
        Value::Count(count) => match row.unit() {
            Unit::One => format::count(*count),
            Unit::Bytes => format::bytes(*count),
            Unit::Milliseconds => format!("{} ms", format::count(*count)),
            Unit::BitsPerSecond => format::bitrate(*count),
            Unit::Percent => format!("{count} %"),
        },
        Value::Number(number) => format!("{number:.1}"),
        Value::State(word) => (*word).to_owned(),
        Value::Text(text) => text.clone(),
        Value::Unknown => language.unknown_short.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{counter::counted, page::language::LANGUAGES};

    const ROWS: [Row; 2] = [counted("seen", "Seen."), counted("lost", "Lost.")];

    #[test]
    fn counters_are_told_from_the_mark_and_what_began_anew_as_it_is() {
        for (now, then, told) in [(9, Some(7), 2), (9, None, 9), (3, Some(7), 3)] {
            let then = then.map(Value::Count);
            let gained = since(&ROWS[0], &Value::Count(now), then.as_ref());
            assert_eq!(gained, Value::Count(told));
        }
    }

    #[test]
    fn what_is_zero_is_named_in_one_line_and_what_is_not_known_is_no_zero() {
        let cells = [Value::Count(7), Value::Count(5)];
        let then = [Value::Count(0), Value::Count(5)];
        let page = table(&ROWS, &[("x", &cells, &then)], LANGUAGES[0]).into_string();
        assert!(page.contains("<td>7</td>"), "{page}");
        assert!(page.contains("1 more at zero: lost"), "{page}");
        let page = table(&ROWS, &[("x", &[], &[])], LANGUAGES[0]).into_string();
        assert_eq!(page.matches("<td>–</td>").count(), 2, "{page}");
    }
}
