//! What the agent tells of itself: who it is, and what became of what it was sent.
//!
//! The counters are those of the snapshot, as everywhere, and so up to a second old. That one
//! handler has all objects, and not one for each of these groups, halves the work of a walk.
//!
//! Source: RFC 3418 (snmp group), RFC 3411 (snmpEngine), RFC 3412 (snmpMPDStats), RFC 3414
//! (usmStats).
//! Refuses: counters of messages that nobody keeps (`snmpInPkts` among them): they are not there.

use crate::snmp::{
    Counters, Oid, Value,
    counters::Engine,
    tree::Table,
    value::{integer, lower_half},
};

const SNMP: [u32; 7] = [1, 3, 6, 1, 2, 1, 11];
const ENGINE: [u32; 9] = [1, 3, 6, 1, 6, 3, 10, 2, 1];
const MESSAGE_STATISTICS: [u32; 9] = [1, 3, 6, 1, 6, 3, 11, 2, 1];
const USER_STATISTICS: [u32; 9] = [1, 3, 6, 1, 6, 3, 15, 1, 1];

/// `snmpEnableAuthenTraps`: nobody is told of a failed authentication; it is counted.
const DISABLED: i32 = 2;

/// The groups of an agent that has counted so, and is `engine` now.
pub(crate) fn tables(counters: &Counters, engine: Option<Engine>) -> Vec<Table> {
    let counter = |count| Some(Value::Counter32(lower_half(count)));
    let message = vec![
        (6, counter(counters.asn_parse_errors)),
        (30, Some(Value::Integer(DISABLED))),
        (31, counter(counters.silent_drops)),
        // It is no proxy.
        (32, counter(0)),
    ];
    let refused = vec![
        (1, counter(counters.unknown_security_models)),
        (2, counter(counters.invalid_messages)),
    ];
    let users = vec![
        (1, counter(counters.unsupported_security_levels)),
        (2, counter(counters.not_in_time_windows)),
        (3, counter(counters.unknown_user_names)),
        (4, counter(counters.unknown_engine_ids)),
        (5, counter(counters.wrong_digests)),
        (6, counter(counters.decryption_errors)),
    ];
    let engine = engine.map(|engine| {
        let Engine {
            id,
            boots,
            time_s,
            message_bytes_max,
        } = engine;
        vec![
            (1, Some(Value::Octets(id))),
            (2, Some(integer(boots.into()))),
            (3, Some(integer(time_s.into()))),
            (4, Some(integer(message_bytes_max))),
        ]
    });
    let scalars = |parent: &[u32], scalars| Table::scalars(Oid::new(parent), scalars);
    vec![
        scalars(&SNMP, message),
        scalars(&ENGINE, engine.unwrap_or_default()),
        scalars(&MESSAGE_STATISTICS, refused),
        scalars(&USER_STATISTICS, users),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snmp::tree::{MibTree, Tables, walk};

    #[test]
    fn tells_what_was_counted_and_who_it_is() {
        let counters = Counters {
            asn_parse_errors: (1 << 32) + 7,
            wrong_digests: 9,
            ..Counters::default()
        };
        let engine = Engine {
            id: vec![0x80, 0, 1],
            boots: 3,
            time_s: 60,
            message_bytes_max: 65_507,
        };
        let tree = Tables::new(tables(&counters, Some(engine)));
        for (parent, number, value) in [
            (&SNMP[..], 6, Value::Counter32(7)),
            (&SNMP, 30, Value::Integer(2)),
            (&USER_STATISTICS, 5, Value::Counter32(9)),
            (&ENGINE, 1, Value::Octets(vec![0x80, 0, 1])),
            (&ENGINE, 3, Value::Integer(60)),
        ] {
            let name = [parent, &[number, 0]].concat();
            assert_eq!(tree.get(&name), Some(value), "{name:?}");
        }
    }

    #[test]
    fn before_it_listens_nobody_is_told_who_it_is() {
        let tree = Tables::new(tables(&Counters::default(), None));
        let engine = Oid::new(&ENGINE);
        let is_engine = |(oid, _): &(Oid, Value)| oid.arcs().starts_with(engine.arcs());
        assert!(!walk(&tree).iter().any(is_engine));
        assert_eq!(walk(&tree).len(), 12);
    }
}
