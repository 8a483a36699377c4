//! Result frames: polars in, polars out, one documented schema.

pub mod records;
pub mod rows;
pub mod summary;

pub use records::{from_records, read_records, to_records, write_records};
