//! Windows: how records are grouped by event time.
