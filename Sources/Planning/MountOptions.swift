// The table of mount options: one row a name, used by the parser, by `features` and by the tests.

package import struct Kernel.AttributeChange
package import struct Kernel.MountAttributes
package import enum Kernel.Propagation

/// What an option in `mounts[].options` asks for.
package enum MountOption: Equatable, Sendable {
    /// Nothing more than the defaults.
    case nothing
    /// An attribute of this mount.
    case attributes(AttributeChange)
    /// An attribute of this mount and of all mounts under it.
    case recursiveAttributes(AttributeChange)
    /// Propagation, of this mount or of the whole tree.
    case propagation(Propagation, recursive: Bool)
    case bind(recursive: Bool)
    case remount
    /// A flag of the superblock, under the name that fsconfig(2) knows.
    case superblock(String)
    /// Fill a tmpfs with what the image had at its place.
    case copyUp
    /// A source that is a symbolic link is not bound, but made again in the container.
    case copyLink
    /// A symbolic link as the last part of the source, or of the destination, is bound or covered itself.
    case unfollowedSource, unfollowedDestination
    /// Map the ids of the mount as the container's user namespace maps them.
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

/// Every option by name, in the order of `features`. mount(8) and the runtime specification's list of mount options.
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

/// The option with a name, nil when it is the filesystem's own.
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

extension AttributeChange {
    /// How a bind mount takes options on access times, as by mount(8) and remount of mount(2): one that sets something
    /// decides about all of them, what the source has of the others goes; those that only clear leave the source's.
    mutating func keepAccessTimes() {
        let all = MountAttributes.atimeField.union(.noDirAtime)
        if self.set.isDisjoint(with: all), !clear.isSuperset(of: .atimeField) {
            clear.subtract(all)
        } else {
            clear.formUnion(all.subtracting(self.set))
        }
    }
}
