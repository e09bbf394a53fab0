//! Against a fake broker.
