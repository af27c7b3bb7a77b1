"""What people read: the questions they ask of the output tables, and the answers on a terminal and a page."""
