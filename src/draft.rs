//! A file in the making, beside the place where it will stand.
//!
//! Invariant: it is removed unless it is given its name, and it has the rights of any new file, as the user's umask has
//! them: results, models and slides are for others, too, while temporary files are private otherwise.

use crate::error::{Error, Result};
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use tempfile::{Builder, NamedTempFile};

/// Makes a file whose name no slide and no model can have, because none of theirs begins with a dot.
pub(crate) fn draft_in(folder: &Path) -> io::Result<NamedTempFile> {
    Builder::new().prefix(".eosin-").suffix(".tmp").make_in(folder, |name| File::create_new(name))
}

/// Writes a file so that its name shows either the old content or the new one.
///
/// # Errors
/// [`ErrorKind::Io`](crate::error::ErrorKind::Io).
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    let failed = |error| Error::io(path, "write the file", error);
    let mut draft = draft_in(path.parent().unwrap_or(Path::new(""))).map_err(failed)?;
    draft.write_all(bytes).map_err(failed)?;
    draft.as_file().sync_all().map_err(failed)?;
    draft.persist(path).map_err(|error| failed(error.error))?;
    Ok(())
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_draft_has_the_rights_of_any_new_file_and_goes_when_it_gets_no_name() {
        let folder = tempfile::tempdir().unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode();
        let usual = folder.path().join("usual");
        File::create(&usual).unwrap();
        let draft = draft_in(folder.path()).unwrap();
        assert_eq!(mode(draft.path()), mode(&usual));
        drop(draft);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
