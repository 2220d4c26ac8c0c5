//! A durable broker inside this process.
