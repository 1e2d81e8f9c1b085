//! What the agent hands each request: the objects, or nothing for whoever may not ask.
//!
//! Source: RFC 3416 §4.2.1 to §4.2.3. Refuses: to wait for anything; objects are in memory.

use std::{borrow::Cow, sync::Arc};

use async_snmp::{
    BoxFuture, GetNextResult, GetResult, HandlerError, HandlerResult, MibHandler, RequestContext,
    SecurityModel, VarBind,
};
use bytes::Bytes;

use crate::{
    config::AddressPrefix,
    snmp::{Mib, Oid, Tally, Value, tree::MibTree},
};

/// Answers with the objects.
pub(super) struct Objects {
    /// What is answered.
    pub(super) mib: Arc<Mib>,
    /// From where the community may be used.
    pub(super) allowed: Vec<AddressPrefix>,
    /// Where it is counted who may not ask.
    pub(super) tally: Arc<Tally>,
}

impl Objects {
    /// Whether there is anything here for whoever asks; who may not ask is counted.
    ///
    /// The library would skip what a view hides one by one, and give up after a thousand.
    fn may_ask(&self, context: &RequestContext) -> bool {
        let source = context.source().ip();
        let may = match context.security_model() {
            SecurityModel::Usm => true,
            SecurityModel::V2c => self.allowed.iter().any(|allowed| allowed.contains(source)),
            SecurityModel::V1 => false,
        };
        self.tally.forbidden.add(u64::from(!may));
        may
    }

    fn look<T>(
        &self,
        context: &RequestContext,
        nothing: T,
        look: impl FnOnce(&dyn MibTree) -> T,
    ) -> HandlerResult<T> {
        if context.is_cancelled() {
            return Err(HandlerError::new("it waited for too long"));
        }
        if !self.may_ask(context) {
            return Ok(nothing);
        }
        Ok(look(&*self.mib.tables()))
    }
}

impl MibHandler for Objects {
    fn get<'a>(
        &'a self,
        context: &'a RequestContext,
        oid: &'a async_snmp::Oid,
    ) -> BoxFuture<'a, HandlerResult<GetResult>> {
        let found = self.look(context, GetResult::NoSuchObject, |tree| {
            match tree.get(oid.arcs()) {
                Some(value) => GetResult::Value(value.into()),
                None if tree.knows(oid.arcs()) => GetResult::NoSuchInstance,
                None => GetResult::NoSuchObject,
            }
        });
        Box::pin(std::future::ready(found))
    }

    fn get_next<'a>(
        &'a self,
        context: &'a RequestContext,
        oid: &'a async_snmp::Oid,
    ) -> BoxFuture<'a, HandlerResult<GetNextResult>> {
        let found = self.look(context, GetNextResult::EndOfMibView, |tree| {
            match tree.next(oid.arcs()) {
                Some((oid, value)) => {
                    GetNextResult::Value(VarBind::new(theirs(&oid), value.into()))
                }
                None => GetNextResult::EndOfMibView,
            }
        });
        Box::pin(std::future::ready(found))
    }
}

/// The same as the library has it.
pub(super) fn theirs(oid: &Oid) -> async_snmp::Oid {
    async_snmp::Oid::from_slice(oid.arcs())
}

impl From<Value> for async_snmp::Value {
    fn from(value: Value) -> Self {
        match value {
            Value::Integer(number) => Self::Integer(number),
            Value::Text(Cow::Borrowed(text)) => {
                Self::OctetString(Bytes::from_static(text.as_bytes()))
            }
            Value::Text(Cow::Owned(text)) => Self::OctetString(text.into()),
            Value::Octets(octets) => Self::OctetString(octets.into()),
            Value::ObjectIdentifier(oid) => Self::ObjectIdentifier(theirs(&oid)),
            Value::Counter32(count) => Self::Counter32(count),
            Value::Counter64(count) => Self::Counter64(count),
            Value::Unsigned32(number) => Self::Gauge32(number),
            Value::TimeTicks(ticks) => Self::TimeTicks(ticks),
        }
    }
}
