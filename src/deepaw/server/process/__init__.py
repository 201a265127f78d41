"""The server as a process: its files, its sockets, how it starts and ends."""
