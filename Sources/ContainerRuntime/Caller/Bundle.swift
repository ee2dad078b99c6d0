// A bundle on disk: its directory and its config.json. runtime-spec, bundle.md.

internal import CLinux
internal import Glibc
internal import Kernel
package import OCISpec

/// A bundle whose config has been read.
package struct Bundle: Sendable {
    /// Absolute, links resolved.
    package let path: String
    package var spec: Spec
    /// The config as it was read.
    package let config: [UInt8]
}

extension Bundle {
    private static let largestConfig = 64 << 20

    /// Makes a bundle's directory the working directory, and reads its config.
    /// - Parameter warn: receives a warning for each property that the specification does not define.
    package init(
        directory: String, configName: String? = nil, warn: ((String) -> Void)? = nil
    ) throws(Failure) {
        do throws(Errno) {
            try checked { clinux_chdir(directory) }
        } catch {
            throw Failure("open bundle \(directory)", error)
        }
        path = try Self.workingDirectory(directory)
        let name = configName ?? "config.json"
        do throws(Errno) {
            let file = try OwnedDescriptor.open(name, .readOnly | .nonBlocking)
            guard try fileStatus(file.rawValue).isRegular else { throw Errno(rawValue: EINVAL) }
            config = try readAll(file.rawValue, limit: Self.largestConfig)
        } catch {
            let file = name.isAbsolutePath ? name : "\(path)/\(name)"
            switch error.rawValue {
            case ENOENT:
                let place = name.isAbsolutePath ? "" : " in \(path)"
                throw Failure(.invalid, "JSON specification file \(name) not found\(place)")
            case EINVAL: throw Failure(.invalid, "\(file) is not a regular file")
            default: throw Failure("read \(file)", error)
            }
        }
        do throws(InvalidSpec) {
            guard let warn else {
                spec = try Spec(config: config)
                return
            }
            spec = try Spec(config: config) { warn("\(name): \($0)") }
        } catch {
            throw Failure(.invalid, "\(name): \(error)")
        }
    }

    private static func workingDirectory(_ asked: String) throws(Failure) -> String {
        guard let buffer = getcwd(nil, 0) else {
            throw Failure("open bundle \(asked)", Errno(rawValue: errno))
        }
        defer { free(buffer) }
        return RawText.text(buffer)
    }
}
