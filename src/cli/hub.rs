//! Models and files by their names on the hub; the environment is that of other tools.

use std::path::{Path, PathBuf};

use super::Terminal;
use crate::error::Error;
use crate::eval::config::EvalConfig;
use crate::hub::{ENDPOINT, Hub, Kind, Part, Repo, Settings, Wanted};
use crate::sample::endpoint::Key;

/// The environment variables that count, for the end of `--help`.
pub const ENVIRONMENT: &str = "Environment, as for other tools of the hub: HF_HOME or HF_HUB_CACHE (where files are kept), HF_TOKEN \
     (private and gated repositories), HF_ENDPOINT (a mirror), HF_HUB_OFFLINE=1 (no request at all).";

/// Begins a file of a data set on the hub: `hf://datasets/OWNER/NAME[@REVISION]/FILE`.
const FILE: &str = "hf://datasets/";

/// The hub as the environment describes it.
pub fn hub() -> Hub {
    let read = |path: &Path| std::fs::read_to_string(path).ok();
    Hub::new(settings(&|name| std::env::var(name).ok(), &read))
}

/// Settings of an environment.
fn settings(
    variable: &dyn Fn(&str) -> Option<String>,
    read: &dyn Fn(&Path) -> Option<String>,
) -> Settings {
    let named = |names: &[&str]| {
        names
            .iter()
            .filter_map(|name| variable(name))
            .map(|v| v.trim().to_string())
            .find(|v| !v.is_empty())
    };
    let user = named(&["HOME"]).map_or_else(PathBuf::new, PathBuf::from);
    let path = |names: &[&str]| {
        named(names).map(|text| {
            text.strip_prefix("~/").map_or_else(|| PathBuf::from(&text), |rest| user.join(rest))
        })
    };
    let home = path(&["HF_HOME"]).unwrap_or_else(|| {
        path(&["XDG_CACHE_HOME"]).unwrap_or_else(|| user.join(".cache")).join("huggingface")
    });
    let cache =
        path(&["HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"]).unwrap_or_else(|| home.join("hub"));
    let token = named(&["HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"])
        .or_else(|| read(&path(&["HF_TOKEN_PATH"]).unwrap_or_else(|| home.join("token"))));
    let on = |value: String| ["1", "ON", "YES", "TRUE"].contains(&value.to_uppercase().as_str());
    Settings {
        endpoint: named(&["HF_ENDPOINT"]).unwrap_or_else(|| ENDPOINT.into()),
        token: Key::new(token),
        offline: named(&["HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"]).is_some_and(on),
        ..Settings::new(cache)
    }
}

/// A model that a user names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Model {
    /// As configurations keep it: the folder, or the name on the hub with the commit, which never changes.
    pub name: PathBuf,
    /// Its files on this machine.
    pub dir: PathBuf,
}

/// A folder as it is; else `OWNER/NAME[@REVISION]` from the hub, by way of the cache.
///
/// # Errors
/// It is neither a folder here nor a model on the hub, or cannot be fetched. A path that cannot be a name on the hub is
/// returned as it is: the reader of the folder says what is wrong with it.
pub fn model(name: &Path) -> anyhow::Result<Model> {
    part(name, Part::Whole)
}

/// Makes a configuration name the commits of its models, and gives the folders with their files.
///
/// # Errors
/// As [`model`].
pub fn pin<const N: usize>(names: [&mut PathBuf; N]) -> anyhow::Result<[PathBuf; N]> {
    let mut dirs = [const { PathBuf::new() }; N];
    for (dir, name) in dirs.iter_mut().zip(names) {
        let found = model(name)?;
        *name = found.name;
        *dir = found.dir;
    }
    Ok(dirs)
}

/// The same without weights, for a chat template.
///
/// # Errors
/// As [`model`].
pub fn template(name: &Path) -> anyhow::Result<Model> {
    part(name, Part::Small)
}

fn part(name: &Path, part: Part) -> anyhow::Result<Model> {
    let folder = Model { name: name.into(), dir: name.into() };
    let Some(Ok(repo)) = name.to_str().map(|text| Repo::parse(Kind::Model, text)) else {
        return Ok(folder);
    };
    if name.exists() {
        return Ok(folder);
    }
    match hub().model(&repo, part, &mut Terminal::default()) {
        Ok(found) => {
            let name = PathBuf::from(format!("{}@{}", repo.id, found.commit));
            Ok(Model { name, dir: found.dir })
        }
        Err(error) => {
            anyhow::bail!("{} is no folder here, and on the hub: {error}", name.display())
        }
    }
}

/// The folder with a model's files for an evaluation, empty where none is needed; the configuration then names its
/// commit, so that a run says forever what it ran.
///
/// # Errors
/// As [`model`].
pub fn for_evaluation(config: &mut EvalConfig) -> anyhow::Result<PathBuf> {
    if let Some(endpoint) = &mut config.endpoint {
        let Some(name) = &endpoint.template else { return Ok(PathBuf::new()) };
        let found = template(name)?;
        endpoint.template = Some(found.name);
        return Ok(found.dir);
    }
    if config.import.is_some() {
        return Ok(PathBuf::new());
    }
    let found = model(&config.model)?;
    config.model = found.name;
    Ok(found.dir)
}

/// A local path as it is; a file of a data set on the hub (`hf://datasets/OWNER/NAME[@REVISION]/FILE`) by way of the
/// cache.
///
/// # Errors
/// The name is malformed, or the file cannot be fetched.
pub fn file(path: &Path) -> Result<PathBuf, Error> {
    let Some(rest) = path.to_str().and_then(|text| text.strip_prefix(FILE)) else {
        return Ok(path.into());
    };
    let bad = || {
        let problem = format!("'{}' is not like {FILE}OWNER/NAME@REVISION/FILE", path.display());
        Error::config("data", problem)
    };
    let (owner, rest) = rest.split_once('/').ok_or_else(bad)?;
    let (name, file) = rest.split_once('/').filter(|(_, file)| !file.is_empty()).ok_or_else(bad)?;
    let repo = Repo::parse(Kind::Dataset, &format!("{owner}/{name}"))?;
    let found = hub().files(&repo, &[Wanted::new(file)], &mut Terminal::default())?;
    found.into_iter().next().ok_or_else(bad)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    /// The rules of huggingface_hub's `constants.py` and `utils/_auth.py`.
    #[test]
    fn the_environment_is_read_as_other_tools_read_it() {
        let of = |pairs: &[(&str, &str)]| {
            let map: HashMap<&str, &str> = pairs.iter().copied().collect();
            let read =
                |path: &Path| (path == Path::new("/h/token")).then(|| "of-file\n".to_string());
            settings(&|name| map.get(name).map(ToString::to_string), &read)
        };
        let plain = of(&[("HOME", "/me"), ("HF_TOKEN", "")]);
        assert_eq!(plain.cache, Path::new("/me/.cache/huggingface/hub"));
        assert_eq!(
            (plain.endpoint.as_str(), plain.token.get(), plain.offline),
            (ENDPOINT, None, false)
        );
        let home =
            of(&[("HF_HOME", "/h"), ("HF_HUB_OFFLINE", "true"), ("HF_ENDPOINT", "http://m")]);
        assert_eq!((home.cache.as_path(), home.offline), (Path::new("/h/hub"), true));
        assert_eq!((home.endpoint.as_str(), home.token.get()), ("http://m", Some("of-file")));
        let both =
            of(&[("HF_HOME", "/h"), ("HF_HUB_CACHE", "~/c"), ("HOME", "/me"), ("HF_TOKEN", "t")]);
        assert_eq!((both.cache.as_path(), both.token.get()), (Path::new("/me/c"), Some("t")));
        assert_eq!(of(&[("XDG_CACHE_HOME", "/x")]).cache, Path::new("/x/huggingface/hub"));
        assert!(!of(&[("HF_HUB_OFFLINE", "0")]).offline);
    }

    #[test]
    fn what_is_no_name_on_the_hub_stays_as_it_is() {
        for path in ["data/tiny", "no/such/folder", "/absolute", "./a", "alone"] {
            assert_eq!(model(Path::new(path)).unwrap().dir, Path::new(path));
            assert_eq!(file(Path::new(path)).unwrap(), Path::new(path));
        }
        for bad in ["hf://datasets/a/b", "hf://datasets/a", "hf://datasets/a/b/"] {
            assert!(file(Path::new(bad)).unwrap_err().to_string().contains("is not like"), "{bad}");
        }
    }
}
