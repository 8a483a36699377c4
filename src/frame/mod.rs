//! Result frames: polars in, polars out, one documented schema ([`records::SCHEMA`]).
//!
//! [`records`] is the frame of graded samples, [`cell`] the narrow form that statistics read, [`io`] files of three
//! kinds, [`summary`] the tables (long and wide), [`published`] the `ablation_results.json` of the study.

pub mod cell;
pub mod io;
pub mod published;
pub mod records;
pub mod rows;
pub mod scores;
pub mod summary;

pub use cell::{Cell, Item, Sample, cells, cells_of};
pub use io::read_cells;
pub use records::{from_records, read_records, to_records, write_records};
