"""The process that imports PyTorch once and forks every worker and every answer that needs it."""
