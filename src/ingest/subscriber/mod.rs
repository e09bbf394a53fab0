//! Brokers of the site, subscribed to.
