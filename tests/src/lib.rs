//! The rig: what the black-box tests stand on.
