"""Ask/tell searchers. They know no kernel and no device."""
