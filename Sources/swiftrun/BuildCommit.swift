// The commit the program was built from; scripts/build passes it in.

internal import CLinux

enum BuildCommit {
    static var text: String { String(cString: clinux_build_commit()) }
}
