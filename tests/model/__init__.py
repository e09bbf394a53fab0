"""The second judge: written from the contract alone, slow and naive, to disagree with the gateway."""
