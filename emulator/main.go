package emulator

// Main is the hook for programs that embed the emulator and start themselves again as its child.
func Main(args []string) (int, bool) { return 0, false }
