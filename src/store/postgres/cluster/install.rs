//! The one command that installs Postgres on this system.

use std::fs;

/// By `/etc/os-release`; for a system that is not known, in words.
pub(super) fn command() -> &'static str {
    if cfg!(target_os = "macos") {
        return "brew install postgresql@17";
    }
    let release = fs::read_to_string("/etc/os-release")
        .or_else(|_| fs::read_to_string("/usr/lib/os-release"));
    command_for(&release.unwrap_or_default())
}

/// `ID` first, then the systems that it descends from.
fn command_for(os_release: &str) -> &'static str {
    let value = |key: &str| {
        let line = os_release.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
        line.unwrap_or_default().trim_matches(['"', '\''])
    };
    let families = value("ID").split(' ').chain(value("ID_LIKE").split(' '));
    for family in families {
        return match family {
            "debian" | "ubuntu" => "apt-get install -y postgresql",
            "fedora" | "rhel" | "centos" | "amzn" => "dnf install -y postgresql-server",
            "alpine" => "apk add postgresql",
            "arch" => "pacman -S --noconfirm postgresql",
            "suse" | "opensuse" => "zypper --non-interactive install postgresql-server",
            _ => continue,
        };
    }
    "the package manager of this system (the server of Postgres, not only its client)"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn follows_the_family_of_the_system() {
        for (release, expected) in [
            ("NAME=\"Debian\"\nID=debian\n", "apt-get install -y postgresql"),
            ("ID=linuxmint\nID_LIKE=\"ubuntu debian\"\n", "apt-get install -y postgresql"),
            ("ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"", "dnf install -y postgresql-server"),
            ("ID=alpine", "apk add postgresql"),
        ] {
            assert_eq!(command_for(release), expected);
        }
        assert!(command_for("").contains("package manager"));
    }
}
