// Id maps as values: of a user namespace, and of an idmapped mount. user_namespaces(7).

package import OCISpec

/// The maps of user ids and of group ids.
package struct IdentityMaps: Equatable, Sendable {
    package var uids: [LinuxIDMapping]
    package var gids: [LinuxIDMapping]

    package init(uids: [LinuxIDMapping], gids: [LinuxIDMapping]) {
        self.uids = uids
        self.gids = gids
    }

    /// Whether both map the same ids, in any order of the ranges.
    package func isEquivalent(to other: IdentityMaps) -> Bool {
        uids.inOrder == other.uids.inOrder && gids.inOrder == other.gids.inOrder
    }
}

extension [LinuxIDMapping] {
    fileprivate var inOrder: [LinuxIDMapping] { sorted { $0.containerID < $1.containerID } }
}

extension IdentityMaps {
    /// Parses the inline maps of a mount option: `uids=0-1000-10#10-2000-5;gids=@0-0-10`. Each range consists of the
    /// first id on the filesystem, the first id outside, and the count. With "@" the second number is an id of the
    /// container. crun(1), "Idmapped mounts".
    /// - Parameter container: the maps of the container's user namespace, needed for "@".
    /// - Throws: the problem of the text, without a key.
    package init(inline text: String, container: IdentityMaps?) throws(InlineMapError) {
        self.init(uids: [], gids: [])
        for section in text.split(separator: ";", omittingEmptySubsequences: true) {
            let parts = section.split(separator: "=", maxSplits: 1)
            guard parts.count == 2 else { throw InlineMapError(problem: "\"\(section)\" is neither uids= nor gids=") }
            switch parts[0] {
            case "uids": uids += try Self.ranges(parts[1], container?.uids)
            case "gids": gids += try Self.ranges(parts[1], container?.gids)
            default: throw InlineMapError(problem: "\"\(section)\" is neither uids= nor gids=")
            }
        }
        guard !uids.isEmpty, !gids.isEmpty else { throw InlineMapError(problem: "needs both uids= and gids=") }
    }

    private static func ranges(
        _ text: Substring, _ container: [LinuxIDMapping]?
    ) throws(InlineMapError) -> [LinuxIDMapping] {
        var result: [LinuxIDMapping] = []
        for range in text.split(separator: "#") {
            let isRelative = range.hasPrefix("@")
            let fields = range.drop { $0 == "@" }.split(separator: "-", omittingEmptySubsequences: false)
            let numbers = fields.compactMap { UInt32($0) }
            guard fields.count == 3, numbers.count == 3, numbers[2] > 0 else {
                throw InlineMapError(problem: "\"\(range)\" is not a range such as 0-1000-10")
            }
            var outside = numbers[1]
            if isRelative {
                guard let container else { throw InlineMapError(problem: "\"\(range)\" needs a user namespace") }
                let last = numbers[1].addingReportingOverflow(numbers[2] - 1)
                // The whole range must lie in one range of the container's maps.
                guard let first = container.hostID(of: numbers[1]), !last.overflow,
                    container.hostID(of: last.partialValue) == first &+ (numbers[2] - 1)
                else { throw InlineMapError(problem: "\"\(range)\" has ids that the user namespace does not map") }
                outside = first
            }
            result.append(LinuxIDMapping(containerID: numbers[0], hostID: outside, size: numbers[2]))
        }
        return result
    }
}

/// The problem of inline maps.
package struct InlineMapError: Error, Equatable {
    package var problem: String
}
