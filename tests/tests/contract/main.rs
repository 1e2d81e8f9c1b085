//! One contract, kept by both sides: every claim on a trait of `weir-hal` is one function, run on
//! the kernel and on the simulation. What holds in a simulated test then holds in the field.
#![expect(
    clippy::unwrap_used,
    reason = "a broken claim panics; only `#[test]` itself is exempt"
)]

mod clock;
mod disk;
mod multicast;
mod network;
mod sending;
mod sensors;
mod side;
mod slots;

/// Makes a test of each claim for each side, named `linux::claim` and `sim::claim`. On Linux,
/// those after `in_own_network` run in a network namespace that has all they need.
macro_rules! claims {
    ($($claim:ident),+ $(; in_own_network: $($own:ident),+)? $(,)?) => {
        mod linux {
            $(
                #[test]
                fn $claim() {
                    super::$claim(&$crate::side::Linux::new());
                }
            )+
            $($(
                #[test]
                fn $own() {
                    let test = concat!(module_path!(), "::", stringify!($own));
                    weir_tests::in_own_network(test, || {
                        super::$own(&$crate::side::Linux::new());
                    });
                }
            )+)?
        }

        mod sim {
            $(
                #[test]
                fn $claim() {
                    super::$claim(&$crate::side::Sim::new());
                }
            )+
            $($(
                #[test]
                fn $own() {
                    super::$own(&$crate::side::Sim::new());
                }
            )+)?
        }
    };
}

use claims;
