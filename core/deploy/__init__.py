"""Starting a LaunchSpec, watching it, finding it again and stopping it for sure."""
