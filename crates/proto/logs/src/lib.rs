//! Centralized logging without I/O: what a record is, who may ask for it, and how it is found again.
#![warn(clippy::expect_used, clippy::indexing_slicing)]
