# Filled in by the install step of the build.
