//! What happens to the interfaces of this machine, for those who must join groups anew then.

use std::fmt::Debug;

use crate::{Error, InterfaceName};

/// An interface on which groups may have been forgotten: its link came back, it is new, or it has
/// another address to ask from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkChange {
    /// Which; `None` when more has changed than could be told.
    pub interface: Option<InterfaceName>,
}

/// Tells of changes from the moment it was opened on.
pub trait LinkWatch: Debug + Send {
    /// Takes the next change, without waiting; `None` when there is none.
    ///
    /// # Errors
    /// [`Error::Sensor`] on a failure that another call may not meet again.
    fn next(&mut self) -> Result<Option<LinkChange>, Error>;
}
