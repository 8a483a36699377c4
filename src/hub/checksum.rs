//! What the hub says a file must be: its ETag is the SHA-256 of a large file and git's SHA-1 of a small one.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use sha1::{Digest, Sha1};

use crate::disk;
use crate::error::{Error, Result};

/// Compares a file with its ETag and, where it is known from elsewhere too, with a SHA-256; says what is wrong, if
/// anything is.
///
/// # Errors
/// The file cannot be read.
pub fn compare(path: &Path, etag: &str, sha256: Option<&str>) -> Result<Option<String>> {
    let is_hex = |digits| etag.len() == digits && etag.bytes().all(|b| b.is_ascii_hexdigit());
    let got = match (is_hex(64), is_hex(40)) {
        (true, _) => disk::sha256_file(path)?,
        (_, true) => git_blob(path)?,
        // A mirror with tags of its own: good enough only where the checksum is known from elsewhere.
        _ if sha256.is_some() => etag.to_string(),
        _ => {
            let problem = format!(
                "the server names no checksum of it (ETag '{etag}'): fetch it by other means and name its folder"
            );
            return Ok(Some(problem));
        }
    };
    let wrong = |expected: &str, got: &str| {
        format!(
            "wrong checksum: expected {expected}, what has arrived has {got} and was removed: try again, or \
             another HF_ENDPOINT"
        )
    };
    if got != etag {
        return Ok(Some(wrong(etag, &got)));
    }
    let Some(expected) = sha256 else { return Ok(None) };
    let got = if is_hex(64) { got } else { disk::sha256_file(path)? };
    Ok((got != expected).then(|| wrong(expected, &got)))
}

/// SHA-1 as `git hash-object` has it: over `blob SIZE`, a zero byte and the contents.
pub fn git_blob(path: &Path) -> Result<String> {
    let failed = |e| Error::io(path, e);
    let mut file = File::open(path).map_err(failed)?;
    let size = file.metadata().map_err(failed)?.len();
    let mut hasher = Sha1::new();
    hasher.update(format!("blob {size}\0"));
    let mut buffer = vec![0; 1 << 16];
    loop {
        let read = file.read(&mut buffer).map_err(failed)?;
        if read == 0 {
            break;
        }
        hasher.update(&buffer[..read]);
    }
    Ok(hasher.finalize().iter().map(|b| format!("{b:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_of_tags_are_compared() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("doc");
        std::fs::write(&path, "what is up, doc?").unwrap();
        // Pro Git, "Git Internals - Git Objects", and sha256sum.
        let git = "bd9dbf5aae1a3862dd1526723246b20206e5fc37";
        let sha = "2c5e7d1e9c2b4e1c9f6f1f0e1e6ab3e2";
        assert_eq!(git_blob(&path).unwrap(), git);
        assert_eq!(compare(&path, git, None).unwrap(), None);
        let own = disk::sha256_file(&path).unwrap();
        assert_eq!(compare(&path, &own, None).unwrap(), None);
        assert_eq!(compare(&path, git, Some(&own)).unwrap(), None);
        assert_eq!(compare(&path, "W1", Some(&own)).unwrap(), None);
        for (etag, known, part) in [
            (git, Some(sha), "wrong checksum"),
            (&git.replace('b', "c"), None, "wrong checksum: expected cd9dcf5"),
            ("7f-5", None, "names no checksum"),
        ] {
            let message = compare(&path, etag, known).unwrap().unwrap();
            assert!(message.contains(part), "{message}");
        }
    }
}
