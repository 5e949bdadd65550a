//! Private files.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;

use runtime::disk::{PrivateError, read_private, write_private};
use tempfile::TempDir;

#[test]
fn a_private_file_is_written_whole_with_a_narrow_mode_and_read_back() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("secret");
    write_private(&path, b"first").unwrap();
    write_private(&path, b"second").unwrap();
    assert_eq!(read_private(&path).unwrap(), b"second");
    assert_eq!(
        fs::metadata(&path).unwrap().permissions().mode() & 0o7777,
        0o600
    );
    assert_eq!(
        fs::read_dir(folder.path()).unwrap().count(),
        1,
        "nothing is left beside it"
    );
}

#[test]
fn a_wider_mode_is_refused_and_a_narrower_one_is_not() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("secret");
    write_private(&path, b"x").unwrap();
    for mode in [0o640, 0o604, 0o700, 0o4600] {
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        assert!(
            matches!(read_private(&path), Err(PrivateError::TooWide { mode: seen, .. }) if seen == mode)
        );
    }
    fs::set_permissions(&path, Permissions::from_mode(0o400)).unwrap();
    assert_eq!(read_private(&path).unwrap(), b"x");
}

#[test]
fn a_missing_file_or_folder_is_named() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("missing/secret");
    assert!(write_private(&path, b"x").is_err());
    assert!(
        read_private(&path)
            .unwrap_err()
            .to_string()
            .contains("missing/secret")
    );
}
