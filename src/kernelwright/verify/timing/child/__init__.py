"""Inside the timing worker: its main loop, its clocks and its inputs."""
