// The version of the runtime specification that a config conforms to.

/// A version as defined by semver.org, reduced to the parts that change the meaning of a config.
package struct SpecVersion: Comparable, Sendable {
    package var major: UInt32
    package var minor: UInt32
    package var patch: UInt32
    /// A pre-release sorts before its release.
    package var isPreRelease: Bool

    package init(_ major: UInt32, _ minor: UInt32, _ patch: UInt32, isPreRelease: Bool = false) {
        (self.major, self.minor, self.patch, self.isPreRelease) = (major, minor, patch, isPreRelease)
    }

    /// Reads three numbers, optionally followed by a pre-release or a build; nil for anything else.
    package init?(_ text: String) {
        let core = text.utf8.prefix { $0 != UInt8(ascii: "-") && $0 != UInt8(ascii: "+") }
        let numbers = core.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false).map { part in
            part.first == UInt8(ascii: "+") ? nil : UInt32(Substring(part))
        }
        guard numbers.count == 3, let major = numbers[0], let minor = numbers[1], let patch = numbers[2] else {
            return nil
        }
        self.init(
            major, minor, patch, isPreRelease: text.utf8.dropFirst(core.count).first == UInt8(ascii: "-"))
    }

    /// The newest version that is known here.
    package static let supported = Self(1, 3, 0)
    /// The first version in which a `pids.limit` of 0 is a limit; in earlier versions 0 means no limit. runtime-spec,
    /// config-linux.md, "PIDs".
    package static let pidsLimitMayBeZero = Self(1, 3, 0)

    package static func < (one: Self, other: Self) -> Bool {
        (one.major, one.minor, one.patch, one.isPreRelease ? 0 : 1)
            < (other.major, other.minor, other.patch, other.isPreRelease ? 0 : 1)
    }
}

extension LinuxResources {
    /// These limits with the meaning that the config's version gives them.
    /// - Parameters:
    ///   - version: the config's `ociVersion`.
    ///   - isUpdate: 0 in an old document means that the limit is left out; an update then leaves it unchanged.
    public func meant(by version: String, isUpdate: Bool = false) -> LinuxResources {
        guard pids?.limit == 0, let version = SpecVersion(version), version < .pidsLimitMayBeZero else { return self }
        var meant = self
        meant.pids = isUpdate ? nil : LinuxPids(limit: -1)
        return meant
    }
}
