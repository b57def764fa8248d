//! What the function and the extension say to each other.
