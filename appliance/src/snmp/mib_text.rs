//! WEIR-MIB as the text that managers read, made of the objects that the agent answers.
//!
//! Source: RFC 2578, 2579, 2580 (`SMIv2`). Refuses: anything beyond ASCII, and quotation marks
//! within sentences, which `SMIv2` cannot write.

use crate::{
    counter::Unit,
    snmp::{
        Notification,
        object::{Cell, Object, SUBTREES, Subtree, capitalised, descriptor},
        value::{Syntax, TEXT_BYTES_MAX},
    },
};

/// When a version of the module was made, and what is new in it; the newest first. Whoever adds to
/// the list of numbers adds one.
const REVISIONS: [(&str, &str); 3] = [
    (
        "202611232000Z",
        "The slots that a machine is booted from are in weirSlotTable.",
    ),
    (
        "202611222300Z",
        "All alarms that are listed are in weirAlarmTable, and effects and what operators have put \
         aside in weirSuppressedAlarmTable; thermometers, and more of interfaces.",
    ),
    ("202611220000Z", "The first version."),
];

/// Columns of a sentence.
const COLUMNS: usize = 76;

/// The whole module, for a box of the enterprise `number`.
pub fn mib_text(number: u32) -> String {
    let mut text = head(number);
    for subtree in &*SUBTREES {
        text += &subtree_text(subtree);
    }
    text += &notifications();
    text += &conformance();
    text += "END\n";
    text
}

fn head(number: u32) -> String {
    let last_updated = REVISIONS[0].0;
    let revisions = REVISIONS.map(|(time, what)| {
        format!(
            "    REVISION \"{time}\"\n    DESCRIPTION\n{}",
            sentence(what)
        )
    });
    let revisions = revisions.concat();
    let description = sentence(
        "The state and the counters of one Weir, an edge appliance for television. All of it is \
         read-only. Values are those of one moment while weirNodeSnapshotSequence.0 has one value. \
         What is not known is not there. Indexes are made of names: they are the same after a \
         restart, in another order of the configuration, and on another box.",
    );
    format!(
        "WEIR-MIB DEFINITIONS ::= BEGIN

IMPORTS
    MODULE-IDENTITY, OBJECT-TYPE, NOTIFICATION-TYPE, Counter64,
    Unsigned32, enterprises
        FROM SNMPv2-SMI
    TEXTUAL-CONVENTION
        FROM SNMPv2-TC
    MODULE-COMPLIANCE, OBJECT-GROUP, NOTIFICATION-GROUP
        FROM SNMPv2-CONF;

weirMIB MODULE-IDENTITY
    LAST-UPDATED \"{last_updated}\"
    ORGANIZATION \"Weir\"
    CONTACT-INFO \"Whoever runs the appliance: sysContact.0\"
    DESCRIPTION
{description}{revisions}    ::= {{ enterprises {number} 1 }}

weirProducts OBJECT IDENTIFIER ::= {{ enterprises {number} 2 }}
weirEdge OBJECT IDENTIFIER ::= {{ weirProducts 1 }}
weirNotifications OBJECT IDENTIFIER ::= {{ weirMIB 0 }}
weirObjects OBJECT IDENTIFIER ::= {{ weirMIB 1 }}
weirConformance OBJECT IDENTIFIER ::= {{ weirMIB 2 }}
weirGroups OBJECT IDENTIFIER ::= {{ weirConformance 1 }}

WeirText ::= TEXTUAL-CONVENTION
    DISPLAY-HINT \"{TEXT_BYTES_MAX}t\"
    STATUS current
    DESCRIPTION
{text}    SYNTAX OCTET STRING (SIZE (0..{TEXT_BYTES_MAX}))

WeirGauge64 ::= TEXTUAL-CONVENTION
    STATUS current
    DESCRIPTION
{gauge}    SYNTAX Counter64

WeirThousandths ::= TEXTUAL-CONVENTION
    DISPLAY-HINT \"d-3\"
    STATUS current
    DESCRIPTION
{thousandths}    SYNTAX Unsigned32

",
        text = sentence("Text in UTF-8, for people or one of a few words."),
        gauge = sentence(
            "A number that comes and goes, of 64 bits. It is sent as a Counter64, as RFC 2856 \
             does.",
        ),
        thousandths = sentence(
            "A number that has fractions, times 1000; what is too large is the largest there is.",
        ),
    )
}

fn subtree_text(subtree: &Subtree) -> String {
    let Subtree {
        name,
        number,
        help,
        indexed_by,
        objects,
    } = subtree;
    if indexed_by.is_empty() {
        let scalars = objects.iter().map(|it| object_text(it, name));
        let scalars: String = scalars.collect();
        return format!("{name} OBJECT IDENTIFIER ::= {{ weirObjects {number} }}\n\n{scalars}");
    }
    let kind = name.clone();
    let (table, entry) = (format!("{kind}Table"), format!("{kind}Entry"));
    let row_type = capitalised(&entry);
    let indexes: Vec<String> = indexed_by
        .iter()
        .map(|kind| descriptor(&[kind, "index"]))
        .collect();
    let (own, indexes) = (
        indexes.last().cloned().unwrap_or_default(),
        indexes.join(", "),
    );
    let help = sentence(help);
    let columns = objects
        .iter()
        .map(|it| format!(",\n    {} {}", it.name, syntax(it)));
    let columns: String = columns.collect();
    let objects: String = objects.iter().map(|it| object_text(it, &entry)).collect();
    let index_help = sentence(
        "Made of the name: a number is its own index, any other name has that of its hash.",
    );
    format!(
        "{table} OBJECT-TYPE
    SYNTAX SEQUENCE OF {row_type}
    MAX-ACCESS not-accessible
    STATUS current
    DESCRIPTION
{help}    ::= {{ weirObjects {number} }}

{entry} OBJECT-TYPE
    SYNTAX {row_type}
    MAX-ACCESS not-accessible
    STATUS current
    DESCRIPTION
{help}    INDEX {{ {indexes} }}
    ::= {{ {table} 1 }}

{row_type} ::= SEQUENCE {{
    {own} Unsigned32{columns}
}}

{own} OBJECT-TYPE
    SYNTAX Unsigned32 (1..2147483647)
    MAX-ACCESS not-accessible
    STATUS current
    DESCRIPTION
{index_help}    ::= {{ {entry} 1 }}

{objects}"
    )
}

fn object_text(object: &Object, parent: &str) -> String {
    let Object { name, number, cell } = object;
    let (help, units) = match cell {
        Cell::Key => (
            "Its name, by which all other surfaces know it.",
            String::new(),
        ),
        Cell::Row { row, .. } => (row.help, units(row.unit())),
    };
    let (syntax, help) = (syntax(object), sentence(help));
    format!(
        "{name} OBJECT-TYPE
    SYNTAX {syntax}
{units}    MAX-ACCESS read-only
    STATUS current
    DESCRIPTION
{help}    ::= {{ {parent} {number} }}

"
    )
}

fn units(unit: Unit) -> String {
    let unit = match unit {
        Unit::One => return String::new(),
        Unit::Bytes => "bytes",
        Unit::Milliseconds => "milliseconds",
        Unit::BitsPerSecond => "bits per second",
        Unit::Percent => "percent",
    };
    format!("    UNITS \"{unit}\"\n")
}

fn syntax(object: &Object) -> &'static str {
    match &object.cell {
        Cell::Key => "WeirText",
        Cell::Row { row, .. } => match Syntax::of(row) {
            Syntax::Counter => "Counter64",
            Syntax::Gauge => "WeirGauge64",
            Syntax::Thousandths => "WeirThousandths",
            Syntax::Text => "WeirText",
        },
    }
}

/// The descriptors of the columns that a notification carries.
fn carried() -> Vec<String> {
    let changes = SUBTREES
        .iter()
        .find(|it| it.indexed_by == [super::change::SCOPE.name]);
    let objects = changes.into_iter().flat_map(|subtree| &subtree.objects);
    objects.map(|object| object.name.clone()).collect()
}

fn notifications() -> String {
    let objects = list(&carried());
    let notification = |notification: Notification| {
        let (name, number) = (notification.descriptor(), notification.number());
        let help = sentence(notification.help());
        format!(
            "{name} NOTIFICATION-TYPE
    OBJECTS {{
{objects}    }}
    STATUS current
    DESCRIPTION
{help}    ::= {{ weirNotifications {number} }}

"
        )
    };
    Notification::ALL.map(notification).concat()
}

fn conformance() -> String {
    let group = |subtree: &Subtree| {
        let names: Vec<String> = subtree.objects.iter().map(|it| it.name.clone()).collect();
        let (name, number) = (&subtree.name, subtree.number);
        let (objects, help) = (list(&names), sentence("All that is told of it."));
        format!(
            "{name}Group OBJECT-GROUP
    OBJECTS {{
{objects}    }}
    STATUS current
    DESCRIPTION
{help}    ::= {{ weirGroups {number} }}

"
        )
    };
    let groups: String = SUBTREES.iter().map(group).collect();
    let names = Notification::ALL.map(|it| it.descriptor().to_owned());
    let (notifications, told) = (list(&names), sentence("All that is notified of."));
    let names = SUBTREES
        .iter()
        .map(|subtree| format!("{}Group", subtree.name));
    let names: Vec<String> = names.chain(["weirNotificationGroup".to_owned()]).collect();
    let (mandatory, help) = (list(&names), sentence("What every box answers."));
    format!(
        "{groups}weirNotificationGroup NOTIFICATION-GROUP
    NOTIFICATIONS {{
{notifications}    }}
    STATUS current
    DESCRIPTION
{told}    ::= {{ weirConformance 3 }}

weirCompliance MODULE-COMPLIANCE
    STATUS current
    DESCRIPTION
{help}    MODULE
    MANDATORY-GROUPS {{
{mandatory}    }}
    ::= {{ weirConformance 2 }}

"
    )
}

fn list(names: &[String]) -> String {
    let lines: Vec<String> = names.iter().map(|name| format!("        {name}")).collect();
    lines.join(",\n") + "\n"
}

/// `text` in quotation marks, over as many lines as it takes.
fn sentence(text: &str) -> String {
    const INDENT: &str = "        ";
    let mut lines = vec![format!("{INDENT}\"")];
    for word in text.replace('"', "'").split_whitespace() {
        let last = lines.last_mut().expect("there is a line");
        let is_first = last.ends_with('"') || last.trim().is_empty();
        if last.len() + 1 + word.len() > COLUMNS {
            lines.push(format!("{INDENT} {word}"));
        } else if is_first {
            last.push_str(word);
        } else {
            last.push(' ');
            last.push_str(word);
        }
    }
    lines.join("\n") + "\"\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snmp::enterprise::DEVELOPMENT;

    const CHECKED_IN: &str = include_str!("../../integrations/WEIR-MIB.txt");

    #[test]
    fn the_module_that_is_handed_out_is_that_of_the_agent() {
        let text = mib_text(DEVELOPMENT);
        let lines = text.lines().zip(CHECKED_IN.lines());
        for (number, (made, handed_out)) in (1..).zip(lines) {
            assert_eq!(
                made, handed_out,
                "line {number} of integrations/WEIR-MIB.txt"
            );
        }
        assert_eq!(
            text.len(),
            CHECKED_IN.len(),
            "integrations/WEIR-MIB.txt has another end"
        );
    }

    #[test]
    fn the_module_is_ascii_in_lines_that_managers_can_read() {
        let text = mib_text(1);
        assert!(text.is_ascii());
        assert!(text.contains("::= { enterprises 1 1 }"));
        let longest = text.lines().map(str::len).max();
        assert!(longest.is_some_and(|columns| columns <= 90), "{longest:?}");
    }

    #[test]
    fn a_sentence_is_broken_between_words() {
        let text = sentence(&"say \"so\" ".repeat(20));
        assert!(text.lines().count() > 2);
        assert!(text.lines().all(|line| line.len() <= COLUMNS + 1));
        assert_eq!(text.matches('"').count(), 2);
        assert!(text.starts_with("        \"say 'so' say"));
    }
}
