// Mounts as text, with the option names of the config.

internal import struct Kernel.AttributeChange
internal import struct Kernel.MountAttributes
internal import enum Kernel.Propagation

extension MountStep {
    /// `mount proc on /proc (nosuid,noexec,nodev)`.
    package var summary: String {
        var words = attributes.optionNames + recursiveAttributes.optionNames.map { "r" + $0 }
        if becomesReadOnlyLast { words.append("later ro") }
        if copiesUp { words.append("tmpcopyup") }
        if let rootLabel { words.append("label \(rootLabel)") }
        if let idMapping { words.append(idMapping.summary) }
        let what: String
        switch object {
        case .filesystem(let type, let source, let parameters):
            words += parameters.map { $0.text }
            what = "mount \(type == source || source == "none" ? type : "\(type) \(source)") on"
        case .bind(let source, let recursive): what = "\(recursive ? "rbind" : "bind") \(source) on"
        case .remount: what = "remount"
        case .legacyCgroup(let hierarchies):
            words += hierarchies.map { "\($0.name)=\($0.directory)" }
            what = "mount the container's cgroups on"
        case .unifiedCgroup(let directory): what = "mount the container's cgroup \(directory) on"
        }
        words += propagation.map { $0.name }
        return "\(what) \(destination)" + (words.isEmpty ? "" : " (\(words.joined(separator: ",")))")
    }
}

extension MountStep.Parameter {
    /// The notation of the config: `size=64k`, or the name alone.
    var text: String { value.map { "\(name)=\($0)" } ?? name }
}

extension MountStep.PropagationChange {
    /// The notation of the config: `rslave`.
    var name: String {
        let plain =
            switch kind {
            case .unbindable: "unbindable"
            case .private: "private"
            case .slave: "slave"
            case .shared: "shared"
            }
        return recursive ? "r" + plain : plain
    }
}

extension MountStep.IDMapping {
    /// `idmap`, followed by maps that differ from the user namespace's.
    var summary: String {
        let name = recursive ? "ridmap" : "idmap"
        guard let maps else { return name }
        return "\(name) uids \(ContainerPlan.text(maps.uids)) gids \(ContainerPlan.text(maps.gids))"
    }
}

extension AttributeChange {
    private static let names: [(attribute: MountAttributes, set: String, clear: String)] = [
        (.readOnly, "ro", "rw"), (.noSuid, "nosuid", "suid"), (.noExec, "noexec", "exec"), (.noDev, "nodev", "dev"),
        (.noDirAtime, "nodiratime", "diratime"), (.noSymlinkFollow, "nosymfollow", "symfollow"),
    ]

    /// The options that request this change.
    var optionNames: [String] {
        var words: [String] = []
        for row in Self.names {
            if self.set.contains(row.attribute) { words.append(row.set) }
            if clear.contains(row.attribute) { words.append(row.clear) }
        }
        // The access-time bits are one field with one value: the value that is set replaces the one that is cleared.
        if self.set.contains(.noAtime) {
            words.append("noatime")
        } else if self.set.contains(.strictAtime) {
            words.append("strictatime")
        } else if clear.isSuperset(of: .atimeField) {
            words.append("relatime")
        } else if clear.contains(.noAtime) {
            words.append("atime")
        } else if clear.contains(.strictAtime) {
            words.append("nostrictatime")
        }
        return words
    }
}
