//! What a file is, by its first bytes.

use std::io::Read as _;
use std::path::Path;

use super::error::OpenError;
use super::schema;

/// Refuses, without opening it by SQLite, a file that is not a store this program can write.
///
/// Never to be called while this process has the file open by SQLite: closing any descriptor of a
/// file drops all the process's locks on it.
pub(crate) fn check(path: &Path) -> Result<(), OpenError> {
    let foreign = |why| OpenError::Foreign { path: path.to_owned(), why };
    let mut header = [0_u8; 100];
    let mut file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            return Err(OpenError::Missing { path: path.to_owned() });
        }
        Err(source) => return Err(OpenError::Io { path: path.to_owned(), source }),
    };
    match file.read_exact(&mut header) {
        Ok(()) => {}
        Err(e) if e.kind() == std::io::ErrorKind::UnexpectedEof => {
            return Err(foreign("it is shorter than a header"));
        }
        Err(source) => return Err(OpenError::Io { path: path.to_owned(), source }),
    }
    let number = |at: usize| {
        u32::from_be_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]])
    };
    if &header[..16] != b"SQLite format 3\0" {
        return Err(foreign("it is not an SQLite file"));
    }
    if number(68) != schema::APPLICATION_ID {
        return Err(foreign("its application id is another program's"));
    }
    check_version(path, number(60))
}

/// Refuses a version that only a later program knows.
pub(crate) fn check_version(path: &Path, found: u32) -> Result<(), OpenError> {
    if found > schema::VERSION {
        let path = path.to_owned();
        return Err(OpenError::Newer { path, found, known: schema::VERSION });
    }
    Ok(())
}
