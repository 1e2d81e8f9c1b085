//! Where clients come in: a listener, and whether TLS is spoken there.

use std::sync::Arc;

use weir_hal::Listener;

use crate::serve::tls::Tls;

/// A listener with what is spoken on it.
#[derive(Debug)]
pub struct Entrance {
    /// Where connections come from.
    pub listener: Box<dyn Listener>,
    /// How they are encrypted; `None` for plain HTTP.
    pub tls: Option<Arc<Tls>>,
}

impl Entrance {
    /// Another entrance at the same address, for another thread.
    ///
    /// # Errors
    /// [`weir_hal::Error::Socket`] for want of memory or descriptors.
    pub fn sibling(&self) -> Result<Self, weir_hal::Error> {
        Ok(Self {
            listener: self.listener.sibling()?,
            tls: self.tls.clone(),
        })
    }
}

impl From<Box<dyn Listener>> for Entrance {
    /// Plain HTTP.
    fn from(listener: Box<dyn Listener>) -> Self {
        let tls = None;
        Self { listener, tls }
    }
}
