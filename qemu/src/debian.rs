// SPDX-License-Identifier: GPL-2.0

//! Makes a stock Debian kernel ready: what boots, its modules as an image, an initial RAM disk,
//! and headers that modules can be built against from where they were unpacked.

use crate::apt::{Apt, Package};
use crate::foreign;
use crate::kernel::{Kernel, Parts};
use crate::progress::{output, Progress};
use crate::rootfs;
use anyhow::{bail, Context, Result};
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::{symlink, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// First program of the initial RAM disk.
pub(crate) const STAGE: &str = include_str!("../guest/stage");

/// Drivers that the initial RAM disk loads, with what they need.
const EARLY: [&str; 6] = [
    "virtio_pci",
    "virtio_blk",
    "virtio_console",
    "virtio_net",
    "virtio_rng",
    "squashfs",
];

/// Subtrees of `kernel/` that tests may load modules from.
const WANTED: [&str; 12] = [
    "arch",
    "crypto",
    "drivers/block",
    "drivers/char",
    "drivers/net/vxlan",
    "drivers/net/wireguard",
    "drivers/virtio",
    "fs/fuse",
    "fs/overlayfs",
    "fs/squashfs",
    "lib",
    "net",
];

/// Modules of `kernel/drivers/net` itself that tests may load.
const WANTED_NET: [&str; 9] = [
    "bonding",
    "dummy",
    "ifb",
    "macvlan",
    "net_failover",
    "tun",
    "veth",
    "virtio_net",
    "vrf",
];

/// Variants of an image that are not the plain one.
const VARIANTS: [&str; 4] = ["cloud", "dbg", "rt", "unsigned"];

/// Makes the kernel, if needed.
pub(crate) fn prepare(
    kernel: &Kernel,
    version: &str,
    suites: &[&str],
    refresh: bool,
) -> Result<PathBuf> {
    let thing = kernel.thing();
    if let Some(dir) = thing.find()?.filter(|_| !refresh) {
        return Ok(dir);
    }
    let mut progress = Progress::new(kernel.name);
    let apt = Apt::open(kernel.name, suites, &mut progress)?;
    let image = newest_image(&apt, version)?;
    let release = image.name.trim_start_matches("linux-image-").to_owned();
    let mut packages = companions(&apt, &image, &release)?;
    let busybox = apt.newest("busybox-static")?;
    packages.push(busybox);
    let versions = || {
        let lines = packages
            .iter()
            .map(|package| format!("{} {}", package.name, package.version));
        Ok(lines.collect::<Vec<_>>().join("\n"))
    };
    thing.prepare(refresh, versions, |temp, dir| {
        progress.step(&format!("{} {}", image.name, image.version));
        apt.unpack(&packages, temp, &mut progress)?;
        let kdir = PathBuf::from(format!("usr/src/linux-headers-{release}"));
        let headers = temp.join(&kdir);
        let compiler = foreign::adapt(&apt, &packages, (temp, dir), &headers, &mut progress)?;
        let common = relocate_headers(temp, &release)?;
        progress.step("modules and initial RAM disk");
        let tree = thin_modules(temp, &release)?;
        initrd(temp, &tree, &release)?;
        rootfs::squash(
            &tree.join("lib/modules"),
            &temp.join("modules.squashfs"),
            &mut progress,
        )?;
        fs::remove_dir_all(&tree)?;
        link_build_folder(temp, &release, &common)?;
        let packed = PathBuf::from(format!("boot/vmlinuz-{release}"));
        // From 7.2 on it is beside the modules.
        let beside = format!("usr/lib/modules/{release}/vmlinuz");
        move_if_there(&temp.join(beside), &temp.join(&packed))?;
        for useless in ["usr/share", "usr/lib/modules", "bin", "etc"] {
            let _ = fs::remove_dir_all(temp.join(useless));
        }
        let image = match unpack_image(&temp.join(&packed), &temp.join("vmlinux")) {
            Ok(()) => PathBuf::from("vmlinux"),
            Err(error) => {
                progress.warn(&format!(
                    "booting the packed image, which is slow: {error:#}"
                ));
                packed
            }
        };
        let parts = Parts {
            image,
            modules: PathBuf::from("modules.squashfs"),
            initrd: Some(PathBuf::from("initrd")),
            kdir,
            path: compiler.is_some().then(|| PathBuf::from(foreign::PATH)),
            compiler,
            release: release.clone(),
        };
        parts.store(temp)
    })
}

/// The plain image with the highest version.
fn newest_image(apt: &Apt, version: &str) -> Result<Package> {
    let pattern = format!("^linux-image-{}.*-amd64$", version.replace('.', "\\."));
    let mut newest: Option<Package> = None;
    for name in apt.search(&pattern)? {
        if name.split('-').any(|word| VARIANTS.contains(&word)) {
            continue;
        }
        let package = apt.newest(&name)?;
        let is_newer = newest
            .as_ref()
            .is_none_or(|best| crate::apt::compare(&package.version, &best.version).is_gt());
        if is_newer {
            newest = Some(package);
        }
    }
    newest.with_context(|| format!("no linux-image-{version}*-amd64 in the suites"))
}

/// The image and the packages of the same kernel that a build against it needs.
fn companions(apt: &Apt, image: &Package, release: &str) -> Result<Vec<Package>> {
    let headers = format!("linux-headers-{release}");
    let headers = Package {
        name: headers,
        version: image.version.clone(),
    };
    let mut found = vec![image.clone(), headers];
    let mut next = 0;
    while let Some(package) = found.get(next).cloned() {
        next += 1;
        for name in apt.depends(&package)? {
            let prefixes = [
                "linux-headers-",
                "linux-kbuild-",
                "linux-modules-",
                "linux-binary-",
                "linux-base-",
            ];
            let same_kernel = prefixes.iter().any(|prefix| name.starts_with(prefix));
            if same_kernel && !found.iter().any(|have| have.name == name) {
                let mut exact = apt.versions(&name)?.into_iter();
                let exact = exact.find(|have| have.version == image.version);
                let package = exact.map_or_else(|| apt.newest(&name), Ok)?;
                found.push(package);
            }
        }
    }
    Ok(found)
}

/// Makes the header folder find its other half where it is unpacked, not in `/usr/src`. Returns the
/// name of the other half.
fn relocate_headers(root: &Path, release: &str) -> Result<String> {
    let sources = root.join("usr/src");
    let makefile = sources.join(format!("linux-headers-{release}/Makefile"));
    let text = fs::read_to_string(&makefile).with_context(|| makefile.display().to_string())?;
    let common = text
        .split(|end: char| end == '/' || end.is_whitespace())
        .find(|word| word.starts_with("linux-headers-") && word.ends_with("-common"))
        .context("the headers' Makefile does not name its other half")?
        .to_owned();
    let here = "$(dir $(realpath $(lastword $(MAKEFILE_LIST))))../";
    fs::write(&makefile, text.replace("/usr/src/", here))?;
    Ok(common)
}

/// `lib/modules/RELEASE/build` and `source`, as relative links.
fn link_build_folder(root: &Path, release: &str, common: &str) -> Result<()> {
    let dir = root.join("lib/modules").join(release);
    if dir.exists() {
        fs::remove_dir_all(&dir)?;
    }
    fs::create_dir_all(&dir)?;
    symlink(
        format!("../../../usr/src/linux-headers-{release}"),
        dir.join("build"),
    )?;
    Ok(symlink(
        format!("../../../usr/src/{common}"),
        dir.join("source"),
    )?)
}

/// Moves the modules that tests may want into a tree of their own, with its index.
fn thin_modules(root: &Path, release: &str) -> Result<PathBuf> {
    let under = ["lib/modules", "usr/lib/modules"].map(|dir| root.join(dir).join(release));
    let from = under.into_iter().find(|dir| dir.join("kernel").exists());
    let from = from.context("the image package has no modules")?;
    let tree = root.join("thin");
    let to = tree.join("lib/modules").join(release);
    for dir in WANTED {
        move_if_there(&from.join("kernel").join(dir), &to.join("kernel").join(dir))?;
    }
    for name in WANTED_NET {
        for suffix in ["", ".xz", ".zst"] {
            let file = format!("kernel/drivers/net/{name}.ko{suffix}");
            move_if_there(&from.join(&file), &to.join(&file))?;
        }
    }
    for file in [
        "modules.order",
        "modules.builtin",
        "modules.builtin.modinfo",
    ] {
        move_if_there(&from.join(file), &to.join(file))?;
    }
    output(Command::new("depmod").arg("-b").arg(&tree).arg(release))?;
    Ok(tree)
}

fn move_if_there(from: &Path, to: &Path) -> Result<()> {
    if from.exists() {
        let parent = to.parent().context("a path without a parent")?;
        fs::create_dir_all(parent)?;
        fs::rename(from, to).with_context(|| from.display().to_string())?;
    }
    Ok(())
}

/// Packs the initial RAM disk: busybox, [`STAGE`] and the drivers in the order of loading.
pub(crate) fn initrd(root: &Path, tree: &Path, release: &str) -> Result<()> {
    let disk = root.join("stage");
    fs::create_dir_all(disk.join("bin"))?;
    let busybox = ["bin/busybox", "usr/bin/busybox"].map(|path| root.join(path));
    let busybox = busybox
        .into_iter()
        .find(|path| path.exists())
        .context("no busybox")?;
    fs::copy(busybox, disk.join("bin/busybox"))?;
    fs::write(disk.join("init"), STAGE)?;
    fs::set_permissions(disk.join("init"), fs::Permissions::from_mode(0o755))?;
    let mut order = Vec::new();
    for driver in EARLY {
        let mut command = Command::new("modprobe");
        command
            .arg("-d")
            .arg(tree)
            .args(["-S", release, "--show-depends", driver]);
        // A driver that is built in shows as "builtin", one that this kernel lacks fails.
        for line in output(&mut command)?.lines() {
            let Some(path) = line.trim().strip_prefix("insmod ") else {
                continue;
            };
            let name = unpack_module(Path::new(path.trim()), &disk)?;
            if !order.contains(&name) {
                order.push(name);
            }
        }
    }
    fs::write(disk.join("order"), order.join("\n") + "\n")?;
    let pack = "cd \"$0\" && find . | LC_ALL=C sort | cpio --quiet -o -H newc -R 0:0 > ../initrd";
    output(Command::new("sh").args(["-c", pack]).arg(&disk))?;
    Ok(fs::remove_dir_all(disk)?)
}

/// The kernel inside a bzImage, as an ELF file that QEMU starts directly. An emulated machine takes
/// half of its boot time to unpack the image by itself.
fn unpack_image(packed: &Path, plain: &Path) -> Result<()> {
    const KINDS: [(&[u8], &str); 4] = [
        (b"\xfd7zXZ\0", "xz"),
        (b"\x28\xb5\x2f\xfd", "zstd"),
        (b"\x1f\x8b\x08", "gzip"),
        (b"\x02\x21\x4c\x18", "lz4"),
    ];
    let bytes = fs::read(packed).with_context(|| packed.display().to_string())?;
    for (magic, tool) in KINDS {
        for start in find_all(&bytes, magic) {
            let rest = plain.with_extension(tool);
            fs::write(&rest, bytes.get(start..).unwrap_or_default())?;
            let mut command = Command::new(tool);
            command.args(["-q", "-d", "-c"]).stdin(File::open(&rest)?);
            command.stdout(File::create(plain)?).stderr(Stdio::null());
            // What follows the packed kernel is no part of it: the tool may complain.
            let _ = command.status();
            fs::remove_file(&rest)?;
            let mut head = [0; 4];
            let whole = File::open(plain)?.read_exact(&mut head).is_ok();
            if whole && head == *b"\x7fELF" {
                return Ok(());
            }
        }
    }
    let _ = fs::remove_file(plain);
    bail!("no kernel is to be found in {}", packed.display())
}

/// Every place where `needle` starts in `bytes`.
fn find_all<'a>(bytes: &'a [u8], needle: &'a [u8]) -> impl Iterator<Item = usize> + 'a {
    let windows = bytes.windows(needle.len()).enumerate();
    windows
        .filter(move |(_, window)| *window == needle)
        .map(|(start, _)| start)
}

/// Copies a module into the RAM disk, uncompressed, and gives its path there.
fn unpack_module(path: &Path, disk: &Path) -> Result<String> {
    let name = path
        .file_name()
        .context("a module without a name")?
        .to_string_lossy()
        .into_owned();
    fs::copy(path, disk.join(&name)).with_context(|| path.display().to_string())?;
    let tool = match path.extension().and_then(|extension| extension.to_str()) {
        Some("ko") => return Ok(format!("/{name}")),
        Some("xz") => "xz",
        Some("zst") => "zstd",
        _ => bail!("{name}: unknown kind of module"),
    };
    output(
        Command::new(tool)
            .args(["-q", "-d", "-f"])
            .arg(disk.join(&name)),
    )?;
    let plain = name.trim_end_matches(".xz").trim_end_matches(".zst");
    let _ = fs::remove_file(disk.join(&name).with_extension("zst"));
    Ok(format!("/{plain}"))
}
