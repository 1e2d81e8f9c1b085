//! Who gives an order.

use std::{
    fmt::{self, Display, Formatter},
    net::IpAddr,
};

use crate::serve::Client;

/// Who gives an order, as far as it is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Giver {
    /// From where.
    pub address: IpAddr,
    /// As whom, if that was proven, and may give this order from any address.
    pub name: Option<String>,
}

impl Giver {
    /// Whoever asks, who has proven nothing.
    pub fn at(client: &Client) -> Self {
        Self {
            address: client.address.ip().to_canonical(),
            name: None,
        }
    }

    /// Whether it was proven who it is.
    pub fn is_known(&self) -> bool {
        self.name.is_some()
    }

    /// By what people know it: the name, or else the address.
    pub fn known_by(&self) -> String {
        let address = || self.address.to_string();
        self.name.clone().unwrap_or_else(address)
    }
}

impl Display for Giver {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(formatter, "{name} at {}", self.address),
            None => self.address.fmt(formatter),
        }
    }
}
