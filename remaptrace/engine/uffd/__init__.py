"""userfaultfd: registrations, and the pages that its ioctls fill."""
