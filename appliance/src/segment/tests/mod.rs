//! The segmenter, its lists and its archive, claim by claim.

mod archive;
mod cuts;
mod gaps;
mod joining;
mod numbers;
mod packets;
mod past_ranges;
mod playlist;
mod restarts;
mod splices;
mod tails;
mod time_stamps;
mod whatever_happens;
