//! The scan splits text as the parser does, and never lets too much through.
