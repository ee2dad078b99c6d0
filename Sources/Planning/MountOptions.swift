// The table of mount options: one row per name, used by the parser, by `features` and by the tests.

package import struct Kernel.AttributeChange
package import struct Kernel.MountAttributes
package import enum Kernel.Propagation
internal import OCISpec

/// The effect of an option in `mounts[].options`.
package enum MountOption: Equatable, Sendable {
    /// No effect beyond the defaults.
    case nothing
    /// An attribute of this mount.
    case attributes(AttributeChange)
    /// An attribute of this mount and of all mounts below it.
    case recursiveAttributes(AttributeChange)
    /// Propagation, of this mount or of the whole tree.
    case propagation(Propagation, recursive: Bool)
    case bind(recursive: Bool)
    case remount
    /// A flag of the superblock, with its name for fsconfig(2).
    case superblock(String)
    /// Fills a tmpfs with the files that the image has at its place.
    case copyUp
    /// If the source is a symbolic link, creates the same link in the container instead of binding its target.
    case copyLink
    /// If the last component of the source or of the destination is a symbolic link, uses the link itself.
    case unfollowedSource, unfollowedDestination
    /// Maps the ids of the mount like the container's user namespace.
    case idMapped(recursive: Bool)
}

private func set(_ attributes: MountAttributes) -> MountOption { .attributes(AttributeChange(set: attributes)) }
private func clear(_ attributes: MountAttributes) -> MountOption { .attributes(AttributeChange(clear: attributes)) }
private func setAll(_ attributes: MountAttributes) -> MountOption {
    .recursiveAttributes(AttributeChange(set: attributes))
}
private func clearAll(_ attributes: MountAttributes) -> MountOption {
    .recursiveAttributes(AttributeChange(clear: attributes))
}

/// All options by name, in the order of `features`. mount(8) and the runtime specification's list of mount options.
package let mountOptions: [(name: String, option: MountOption)] = [
    ("async", .superblock("async")),
    ("atime", clear(.noAtime)),
    ("bind", .bind(recursive: false)),
    ("copy-symlink", .copyLink),
    ("defaults", .nothing),
    ("dest-nofollow", .unfollowedDestination),
    ("dev", clear(.noDev)),
    ("diratime", clear(.noDirAtime)),
    ("dirsync", .superblock("dirsync")),
    ("exec", clear(.noExec)),
    ("idmap", .idMapped(recursive: false)),
    ("iversion", .nothing),
    ("lazytime", .superblock("lazytime")),
    ("loud", .nothing),
    ("mand", .superblock("mand")),
    ("noatime", set(.noAtime)),
    ("nodev", set(.noDev)),
    ("nodiratime", set(.noDirAtime)),
    ("noexec", set(.noExec)),
    ("noiversion", .nothing),
    ("nolazytime", .superblock("nolazytime")),
    ("nomand", .superblock("nomand")),
    ("norelatime", .nothing),
    ("nostrictatime", clear(.strictAtime)),
    ("nosuid", set(.noSuid)),
    ("nosymfollow", set(.noSymlinkFollow)),
    ("private", .propagation(.private, recursive: false)),
    ("ratime", clearAll(.noAtime)),
    ("rbind", .bind(recursive: true)),
    ("rdev", clearAll(.noDev)),
    ("rdiratime", clearAll(.noDirAtime)),
    ("relatime", clear(.atimeField)),
    ("remount", .remount),
    ("rexec", clearAll(.noExec)),
    ("ridmap", .idMapped(recursive: true)),
    ("rnoatime", setAll(.noAtime)),
    ("rnodev", setAll(.noDev)),
    ("rnodiratime", setAll(.noDirAtime)),
    ("rnoexec", setAll(.noExec)),
    ("rnorelatime", .recursiveAttributes(AttributeChange(set: .strictAtime))),
    ("rnostrictatime", clearAll(.strictAtime)),
    ("rnosuid", setAll(.noSuid)),
    ("rnosymfollow", setAll(.noSymlinkFollow)),
    ("ro", set(.readOnly)),
    ("rprivate", .propagation(.private, recursive: true)),
    ("rrelatime", clearAll(.atimeField)),
    ("rro", setAll(.readOnly)),
    ("rrw", clearAll(.readOnly)),
    ("rshared", .propagation(.shared, recursive: true)),
    ("rslave", .propagation(.slave, recursive: true)),
    ("rstrictatime", setAll(.strictAtime)),
    ("rsuid", clearAll(.noSuid)),
    ("rsymfollow", clearAll(.noSymlinkFollow)),
    ("runbindable", .propagation(.unbindable, recursive: true)),
    ("rw", clear(.readOnly)),
    ("shared", .propagation(.shared, recursive: false)),
    ("silent", .nothing),
    ("slave", .propagation(.slave, recursive: false)),
    ("src-nofollow", .unfollowedSource),
    ("strictatime", set(.strictAtime)),
    ("suid", clear(.noSuid)),
    ("symfollow", clear(.noSymlinkFollow)),
    ("sync", .superblock("sync")),
    ("tmpcopyup", .copyUp),
    ("unbindable", .propagation(.unbindable, recursive: false)),
]

/// The option with a name; nil if it belongs to the filesystem.
package func mountOption(named name: String) -> MountOption? {
    var low = 0
    var high = mountOptions.count
    while low < high {
        let middle = (low + high) / 2
        let row = mountOptions[middle]
        if row.name == name { return row.option }
        if row.name < name { low = middle + 1 } else { high = middle }
    }
    return nil
}

/// A hint at the option that is nearest to one which neither swiftrun nor a filesystem knows; empty if none is near.
package func mountOptionMeant(by text: String) -> String {
    // An option with a value is a filesystem's.
    text.utf8.contains(UInt8(ascii: "=")) ? "" : suggestion(for: text, among: mountOptions.map { $0.name })
}

extension AttributeChange {
    /// Applies the rules for access times of mount(8) and of remount in mount(2) to a bind mount: if an option sets
    /// one of these attributes, the options decide about all of them and the source's values are dropped. Options
    /// that only clear leave the source's values.
    mutating func keepAccessTimes() {
        let all = MountAttributes.atimeField.union(.noDirAtime)
        if self.set.isDisjoint(with: all), !clear.isSuperset(of: .atimeField) {
            clear.subtract(all)
        } else {
            clear.formUnion(all.subtracting(self.set))
        }
    }
}
