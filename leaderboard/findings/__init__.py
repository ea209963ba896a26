"""What the robustness rows say, in words."""
