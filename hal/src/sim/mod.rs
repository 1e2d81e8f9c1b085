//! The traits, met from memory with seeded faults.
