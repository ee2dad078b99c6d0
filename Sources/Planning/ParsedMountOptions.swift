// Parses the options of a mount.

internal import struct Kernel.AttributeChange
internal import enum Kernel.Propagation

/// The options of one mount, sorted by their effect.
struct ParsedMountOptions {
    var attributes = AttributeChange()
    var recursiveAttributes = AttributeChange()
    var propagation: [MountStep.PropagationChange] = []
    var bind: Bool?
    var remount = false
    var copiesUp = false
    var copiesLink = false
    var followsSource = true
    var followsDestination = true
    var idMapped: Bool?
    var inlineMaps: String?
    var superblock: [String] = []
    var parameters: [MountStep.Parameter] = []

    /// Whether a file or directory of the host is bound, according to `type` or one of the options.
    private(set) var isBind = false
    /// A context whose quotes no option has closed yet.
    private var openContext: String?

    init(_ options: [String], type: String?) {
        isBind = type == "bind" || options.contains { $0 == "bind" || $0 == "rbind" }
        for text in options {
            // buildah splits the options of an overlay at every comma, also at those between the categories of a label;
            // mount(2), for which they are joined again, does not notice.
            if let begin = openContext {
                openContext = nil
                addParameter(begin + "," + text)
                continue
            }
            // mount(2) accepts several options in one string. A bind mount has no filesystem to accept them, and
            // ignores none.
            guard !isBind, text.utf8.contains(UInt8(ascii: ",")) else {
                take(text)
                continue
            }
            for piece in Self.pieces(text) {
                switch mountOption(named: piece) {
                case .attributes, .superblock, .nothing: take(piece)
                default: addParameter(piece)
                }
            }
        }
        if let text = openContext { parameters.append(MountStep.Parameter(text)) }
    }

    /// Whether a parameter may be ignored on a bind mount: it protects nothing, and only a new filesystem, mount(8) or
    /// an engine could use it.
    static func isHarmless(_ parameter: MountStep.Parameter) -> Bool {
        let value = parameter.value ?? ""
        guard !value.utf8.contains(UInt8(ascii: ",")), !parameter.name.utf8.contains(UInt8(ascii: ",")) else {
            return false
        }
        let name = parameter.name
        if name.hasPrefix("x-") || name.hasPrefix("X-") { return !changesMount(name) }
        return parameter.value == nil ? namesOfOthers.contains(name) : namesWithValue.contains(name)
    }

    // mount(8), "FILESYSTEM-INDEPENDENT MOUNT OPTIONS": who may mount, and when. The last four are of Docker: how a
    // virtual machine shares files, and whether a volume is filled.
    private static let namesOfOthers = [
        "nofail", "_netdev", "auto", "noauto", "user", "nouser", "users", "nousers", "owner", "noowner", "group",
        "nogroup", "consistent", "cached", "delegated", "nocopy",
    ]
    private static let namesWithValue = ["mode", "uid", "gid", "size", "nr_blocks", "nr_inodes", "comment"]

    // mount(8): these decide whose the files are, or which of them show.
    private static func changesMount(_ name: String) -> Bool {
        ["mount.idmap", "mount.owner", "mount.group", "mount.mode", "mount.subdir"].contains(
            name.dropFirst(2).lowercased())
    }

    // Splits at commas, but not in quotes, not after a backslash, and not before a digit, because tmpfs(5) uses
    // commas in lists of nodes.
    private static func pieces(_ text: String) -> [String] {
        let bytes = Array(text.utf8)
        var result: [String] = []
        var (start, isQuoted, isEscaped) = (0, false, false)
        for (index, byte) in bytes.enumerated() {
            if isEscaped {
                isEscaped = false
                continue
            }
            switch byte {
            case UInt8(ascii: "\\"): isEscaped = true
            case UInt8(ascii: "\""): isQuoted.toggle()
            case UInt8(ascii: ",") where !isQuoted:
                if index + 1 < bytes.count, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(bytes[index + 1]) {
                    continue
                }
                result.append(String(decoding: bytes[start..<index], as: UTF8.self))
                start = index + 1
            default: break
            }
        }
        return result + [String(decoding: bytes[start...], as: UTF8.self)]
    }

    private mutating func take(_ text: String) {
        guard let option = mountOption(named: text) else { return addParameter(text) }
        switch option {
        case .nothing: break
        case .attributes(let change): attributes.merge(change)
        case .recursiveAttributes(let change): recursiveAttributes.merge(change)
        case .propagation(let kind, let recursive):
            propagation.append(MountStep.PropagationChange(kind: kind, recursive: recursive))
        case .bind(let recursive): bind = (bind ?? false) || recursive
        case .remount: remount = true
        case .superblock(let name): superblock.append(name)
        case .copyUp: copiesUp = true
        case .copyLink: copiesLink = true
        case .unfollowedSource: followsSource = false
        case .unfollowedDestination: followsDestination = false
        case .idMapped(let recursive): idMapped = recursive
        }
    }

    private mutating func addParameter(_ text: String) {
        guard !text.isEmpty else { return }
        if let equals = text.firstIndex(of: "=") {
            if case .idMapped(let recursive) = mountOption(named: String(text[..<equals])) {
                idMapped = recursive
                inlineMaps = String(text[text.index(after: equals)...])
                return
            }
            let name = String(text[..<equals])
            var value = text[text.index(after: equals)...]
            // mount(8): the quotes protect the commas of a context and are not part of it.
            if value.first == "\"", name.hasSuffix("context") {
                guard value.count > 1, value.last == "\"" else {
                    openContext = text
                    return
                }
                value = value.dropFirst().dropLast()
            }
            parameters.append(MountStep.Parameter(name, String(value)))
        } else {
            parameters.append(MountStep.Parameter(text))
        }
    }
}
