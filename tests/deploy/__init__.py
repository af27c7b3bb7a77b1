"""What ``deploy/`` names exists: commands, files, variables, ports. No container is started."""
